"""Output of the command line: results to stdout, everything about the work to stderr."""

import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.segment import Segment
from rich.text import Text

from api.http.terminal import echo, make_harmless, make_harmless_json, write, writes_unicode
from privacy.errors import InvalidInputError

__all__ = ["SectionBars", "confirm", "echo", "progress", "show", "show_json", "write"]


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
_UNASKED = "This cannot be undone, and no terminal is there to ask; nothing was done. To do it, add --yes."


class HarmlessConsole(Console):
    """Shows tables and text; only the console's own control characters reach the terminal."""

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(make_harmless(text), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=make_harmless(segment.text))


def show(*renderables: RenderableType) -> None:
    """Writes tables and text to stdout; as wide as a page if it is no terminal."""
    # No markup: what is shown holds brackets of its own.
    console = HarmlessConsole(highlight=False, markup=False)
    if not console.is_terminal:
        console = HarmlessConsole(highlight=False, markup=False, width=_PIPE_WIDTH)
    for renderable in renderables:
        console.print(renderable)


def show_json(document: Any) -> None:
    """Writes one JSON document to stdout."""
    text = json.dumps(document, indent=2, ensure_ascii=not writes_unicode())
    write(make_harmless_json(text))


def confirm(question: str) -> None:
    """Asks before something that cannot be undone.

    Raises:
        InvalidInputError: the answer is not yes, or no one can be asked.
    """
    if sys.stdin is None or not sys.stdin.isatty():
        raise InvalidInputError(
            "--yes", "is missing", "--yes, as no terminal is there to ask", detail=_UNASKED
        )
    echo(f"{question} [y/N]")
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise InvalidInputError("answer", "is not yes", "y", detail="Nothing was done.")


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
        console=HarmlessConsole(stderr=True),
        disable=quiet,
    )
