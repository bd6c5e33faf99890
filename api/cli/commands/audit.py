"""`likewise audit`: the audits that a compliance reviewer runs."""

from importlib import import_module
from typing import Any

import click

from api.cli.lazy_group import LazyCommand, LazyGroup
from api.http.command import epilog

_COMMANDS = {
    "white-box": LazyCommand("api.cli.commands.audit_white_box", "Audit the release code under a policy."),
    "black-box": LazyCommand("api.cli.commands.audit_black_box", "Attack a running deployment from outside."),
    "wall": LazyCommand(
        "api.cli.commands.audit_wall", "Show that the public plane reaches only the gallery."
    ),
}


@click.pass_context
def _run_default(context: click.Context) -> Any:
    """Runs the white-box and wall audits if no subcommand is named."""
    if context.invoked_subcommand is None:
        white_box: click.Command = import_module(_COMMANDS["white-box"].module).command
        return context.invoke(white_box, wall=True)
    return None


command = LazyGroup(
    name="audit",
    commands=_COMMANDS,
    callback=_run_default,
    invoke_without_command=True,
    help="Audit the privacy guarantees. Without a subcommand, runs the white-box and wall audits.",
    epilog=epilog("likewise audit", "likewise audit white-box --quick --report audit.html"),
)
