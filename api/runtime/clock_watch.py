"""Tells the operator of `likewise up` when the store's clock is not believed, and when it is again."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from privacy.errors import ClockError, StoreError
from privacy.model.timestamp import Clock

_POLL_SECONDS: Final = 1.0
_BELIEVED: Final = "The clocks agree again: the system works on."


@dataclass
class ClockWatch:
    """Watches the clock of a store.

    Args:
        clock: of the store.
    """

    clock: Clock
    _is_contradicted: bool = field(default=False, init=False)

    def poll(self) -> str | None:
        """Returns a line for the operator if the clock has just become unbelievable, or believable again."""
        was_contradicted = self._is_contradicted
        try:
            self.clock()
        except ClockError as error:
            self._is_contradicted = True
            return None if was_contradicted else f"{error}."
        except StoreError:
            return None  # the children report a store that does not answer
        self._is_contradicted = False
        return _BELIEVED if was_contradicted else None

    def wait(self, rest: Callable[[float], bool], echo: Callable[[str], None]) -> bool:
        """Waits until the clock is believed.

        Args:
            rest: rests for the given seconds, or less if asked to stop; returns whether to stop.
            echo: writes a line for the operator.

        Returns:
            False if asked to stop meanwhile.
        """
        while True:
            if line := self.poll():
                echo(line)
            if not self._is_contradicted:
                return True
            if rest(_POLL_SECONDS):
                return False
