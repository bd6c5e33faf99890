"""Output of the command line: results to stdout, everything about the work to stderr."""

import json
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import click
from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn


@dataclass(frozen=True)
class SectionBars:
    """Draws the progress of an audit.

    Args:
        bars: on stderr.
    """

    bars: Progress
    _tasks: dict[str, TaskID] = field(default_factory=dict, init=False, repr=False)

    def __call__(self, section: str, done: int, total: int) -> None:
        """Draws that `done` of `total` steps of a section are done."""
        if section not in self._tasks:
            self._tasks[section] = self.bars.add_task(section, total=total)
        self.bars.update(self._tasks[section], completed=done, total=total)


_PIPE_WIDTH = 120


def show(*renderables: RenderableType) -> None:
    """Writes tables and text to stdout; as wide as a page if it is no terminal."""
    # No markup: what is shown holds brackets of its own.
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console = Console(highlight=False, markup=False, width=_PIPE_WIDTH)
    for renderable in renderables:
        console.print(renderable)


def show_json(document: Any) -> None:
    """Writes one JSON document to stdout."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))


def echo(text: str) -> None:
    """Writes a line about the work to stderr; a full disk or a reader that left does not end the work."""
    with suppress(OSError):
        click.echo(text, err=True)


def progress(*, quiet: bool) -> Progress:
    """A progress bar on stderr.

    Args:
        quiet: show nothing, for machines.
    """
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        disable=quiet,
    )
