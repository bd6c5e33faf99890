"""A click group that imports a command only when it is called; `likewise --help` loads none of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import click


@dataclass(frozen=True)
class LazyCommand:
    """One command of the group.

    Args:
        module: name of the module that holds it, under the name `command`.
        summary: its line in the group's help.
    """

    module: str
    summary: str


class LazyGroup(click.Group):
    """A click group over a table of commands.

    Args:
        commands: by name.
        options: those of `click.Group`.
    """

    def __init__(self, *, commands: Mapping[str, LazyCommand], **options: Any) -> None:
        super().__init__(**options)
        self._table = commands

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Returns the names of the commands, in the order of the table."""
        return list(self._table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports a command.

        Raises:
            click.UsageError: this installation lacks a package that the command needs.
        """
        entry = self._table.get(cmd_name)
        if entry is None:
            return None
        try:
            module = import_module(entry.module)
        except ModuleNotFoundError as error:
            raise click.UsageError(
                f"`{cmd_name}` needs {error.name}, which is not installed here; "
                "it comes with `pip install likewise[private]`",
                ctx,
            ) from error
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        """Writes the commands from the table: asking each for its help would import it."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in self._table.items()])
