"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click


def staff_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a command that acts for staff: `platform_url` and `key`."""
    for option in (
        click.option(
            "--key",
            envvar="LIKEWISE_PLATFORM_KEY",
            required=True,
            help="API key of the platform plane; better in LIKEWISE_PLATFORM_KEY than here.",
        ),
        click.option(
            "--platform-url",
            envvar="LIKEWISE_PLATFORM_URL",
            default="http://127.0.0.1:8081",
            show_default=True,
            help="Where the platform plane is.",
        ),
    ):
        command = option(command)
    return command


note_option = click.option("--note", required=True, help="Why, for the audit trail. Name no person in it.")
account_argument = click.argument("account_id")


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
    envvar="LIKEWISE_POLICY",
    help="Policy file; the packaged one if not given.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
