"""`likewise policy`: shows and checks a policy and its guarantee."""

from pathlib import Path

import click

from api.cli.console import show, show_json
from api.cli.options import json_option
from api.cli.policy_tables import policy_tables
from api.http.command import ExitCode, epilog
from privacy.errors import PolicyError
from privacy.mechanism.guarantee import guarantee
from privacy.model.documents import GuaranteeDocument
from privacy.policy.file import DEFAULT_POLICY_PATH, load_policy
from privacy.store.settings import POLICY

_file_argument = click.argument(
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    default=DEFAULT_POLICY_PATH,
    envvar=POLICY.name,
)


@click.group(
    epilog=epilog(
        "likewise policy show", "likewise policy show --json mine.toml", "likewise policy check mine.toml"
    )
)
def command() -> None:
    """Show and check a policy: FILE, the file named in the environment, or the packaged policy."""


@command.command(
    "show", epilog=epilog("likewise policy show", "likewise policy show --json | jq .kinds.like.epsilon")
)
@_file_argument
@json_option
def show_policy(file: Path, as_json: bool) -> None:
    """Show a policy and its guarantee.

    Shows everything the policy declares and everything that follows from it.
    """
    document = _guarantee(file)
    if as_json:
        show_json(document)
    else:
        show(*policy_tables(document))


@command.command(epilog=epilog("likewise policy check mine.toml"))
@_file_argument
@json_option
@click.pass_context
def check(context: click.Context, file: Path, as_json: bool) -> None:
    """Check a policy without showing it.

    An error names the field, the value and the rule.
    """
    try:
        document = _guarantee(file)
    except PolicyError as error:
        if not as_json:
            raise
        show_json({"ok": False, "file": str(file), "error": str(error)})
        context.exit(ExitCode.POLICY_ERROR)
    if as_json:
        show_json({"ok": True, "file": str(file), "version": document["version"]})
    else:
        show(f"{file}: version {document['version']} is valid.")


def _guarantee(file: Path) -> GuaranteeDocument:
    return guarantee(load_policy(file))
