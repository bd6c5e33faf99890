"""Progress bars of an audit: one a section."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


@dataclass(frozen=True)
class SectionBars:
    """Draws what an audit tells about its work.

    Args:
        bars: on stderr.
    """

    bars: Progress
    _tasks: dict[str, TaskID] = field(default_factory=dict, init=False, repr=False)

    def __call__(self, section: str, done: int, total: int) -> None:
        """So many of `total` steps of a section are done."""
        if section not in self._tasks:
            self._tasks[section] = self.bars.add_task(section, total=total)
        self.bars.update(self._tasks[section], completed=done, total=total)
