"""Options that several commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from api.cli.parameters import TEXT
from privacy.store.settings import PLATFORM_KEY, PLATFORM_URL, POLICY


def staff_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options of a command that acts for staff: `platform_url` and `key`."""
    for option in (
        click.option(
            "--key",
            envvar=PLATFORM_KEY.name,
            show_envvar=True,
            required=True,
            type=TEXT,
            help="API key of the platform plane; other users of this machine see it if it is given here.",
        ),
        click.option(
            "--platform-url",
            envvar=PLATFORM_URL.name,
            show_envvar=True,
            default=PLATFORM_URL.default,
            show_default=True,
            type=TEXT,
            help="Address of the platform plane.",
        ),
    ):
        command = option(command)
    return command


note_option = click.option(
    "--note", required=True, type=TEXT, help="Why, for the audit trail. Name no person in it."
)
account_argument = click.argument("account_id", type=TEXT)


DEFAULT_DATA_FOLDER: Final = Path(".likewise")

data_folder_option = click.option(
    "--data-folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=DEFAULT_DATA_FOLDER,
    show_default=True,
    help="Folder of the embedded Redis, the pseudonym key and the passwords.",
)
policy_option = click.option(
    "--policy",
    "policy_file",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar=POLICY.name,
    show_envvar=True,
    help="Policy file; the packaged policy if not given.",
)
restored_option = click.option(
    "--restored",
    "was_restored",
    type=click.BOOL,
    metavar="[yes|no]",
    help="If the rollback guard is lost, and only then: whether the store was restored from a backup since "
    "it last ran. The guard is rebuilt from the store. After `yes`, nothing is released from it any more.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
