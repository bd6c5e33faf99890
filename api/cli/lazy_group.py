"""A group of verbs that imports a verb only when it is called.

The public plane's process must never import what lies behind the wall, so the group that it starts from
cannot either.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import click


@dataclass(frozen=True)
class LazyCommand:
    """One verb of the group.

    Args:
        module: where its command is, under the name `command`.
        summary: what the group's help says of it.
    """

    module: str
    summary: str


class LazyGroup(click.Group):
    """A click group over a table of verbs.

    Args:
        verbs: by name.
        options: those of `click.Group`.
    """

    def __init__(self, *, verbs: Mapping[str, LazyCommand], **options: Any) -> None:
        super().__init__(**options)
        self._verbs = verbs

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Names of the verbs, in the order of the table."""
        return list(self._verbs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a verb.

        Raises:
            click.UsageError: this installation lacks a package that the verb needs.
        """
        verb = self._verbs.get(cmd_name)
        if verb is None:
            return None
        try:
            module = import_module(verb.module)
        except ModuleNotFoundError as error:
            raise click.UsageError(
                f"`{cmd_name}` needs {error.name}, which is not installed here; "
                "it comes with `pip install likewise[private]`",
                ctx,
            ) from error
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        """Write the verbs from the table: asking each for its help would import it."""
        with formatter.section("Verbs"):
            formatter.write_dl([(name, verb.summary) for name, verb in self._verbs.items()])
