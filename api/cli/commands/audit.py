"""`likewise audit`: what a compliance reviewer runs."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click

from api.cli.lazy_group import LazyCommand, LazyGroup
from api.cli.options import epilog

_VERBS = {
    "white-box": LazyCommand("api.cli.commands.audit_white_box", "Measure the release code under a policy."),
    "black-box": LazyCommand("api.cli.commands.audit_black_box", "Attack a running deployment from outside."),
    "wall": LazyCommand("api.cli.commands.audit_wall", "Show what the public plane cannot reach."),
}


@click.pass_context
def _without_verb(context: click.Context) -> Any:
    """Run the white box and show the wall where no verb is named."""
    if context.invoked_subcommand is None:
        white_box: click.Command = import_module(_VERBS["white-box"].module).command
        return context.invoke(white_box, wall=True)
    return None


command = LazyGroup(
    name="audit",
    verbs=_VERBS,
    callback=_without_verb,
    invoke_without_command=True,
    help="Prove the privacy, do not assert it. Without a verb: white box and wall.",
    epilog=epilog("likewise audit", "likewise audit white-box --quick --report audit.html"),
)
