"""A clock that several processes share: it runs like the real one, and jumps where nothing happens anyway."""

import multiprocessing as mp
import time
from dataclasses import dataclass, field
from typing import Any, Final

MS_PER_SECOND: Final = 1_000
PAUSE_SECONDS: Final = 0.0005


def _shared(value: int) -> Any:
    return mp.get_context("spawn").Value("q", value)


@dataclass(frozen=True)
class JumpingClock:
    """A clock. Each second that a jump touches is waited for: a worker says up to when it has worked.

    Args:
        start_ms: the time that it shows at first, in ms since 1970 UTC.
    """

    start_ms: int
    _ahead_ms: Any = field(default_factory=lambda: _shared(0), init=False, repr=False)
    _worked_ms: Any = field(default_factory=lambda: _shared(0), init=False, repr=False)

    def __post_init__(self) -> None:
        self._ahead_ms.value = self.start_ms - _real_ms()

    def __call__(self) -> int:
        """Returns the time, in ms since 1970 UTC."""
        return _real_ms() + int(self._ahead_ms.value)

    def note_worked(self, until_ms: int) -> None:
        """Says that a worker has done everything that was due at a time."""
        self._worked_ms.value = until_ms

    def jump(self, seconds: float) -> None:
        """Moves to a later time, second by second, as fast as the worker does what is due at each."""
        target_ms = self() + round(1000 * seconds)
        while (now_ms := self()) < target_ms:
            next_ms = min(target_ms, (now_ms // MS_PER_SECOND + 1) * MS_PER_SECOND)
            self._ahead_ms.value += next_ms - now_ms
            while self._worked_ms.value < next_ms:
                time.sleep(PAUSE_SECONDS)

    @staticmethod
    def stopwatch() -> float:
        """Returns the seconds since an arbitrary moment; it does not jump."""
        return time.perf_counter()

    def rest(self, seconds: float) -> None:
        """Rests until that much time has passed on this clock, by itself or by a jump."""
        until_ms = self() + 1000 * seconds
        while self() < until_ms:
            time.sleep(PAUSE_SECONDS)


def _real_ms() -> int:
    return time.monotonic_ns() // 1_000_000  # one clock for all processes of a machine
