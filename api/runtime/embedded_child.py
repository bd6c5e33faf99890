"""Keeps an embedded server running: restarts it with back-off, and waits while it loads its data."""

from collections.abc import Callable
from typing import Final

from api.runtime.poll import PollInterval
from privacy.embedded.server import EmbeddedRedis
from privacy.errors import StoreError

_BACK_OFF: Final = PollInterval(idle_seconds=0, first_back_off_seconds=0.5, max_back_off_seconds=30)
_STEADY_SECONDS: Final = 30.0
"""A server that has run at least this long is started again at once."""
_LOADING_REPORT_SECONDS: Final = 30.0
_ROOM_INTERVAL_SECONDS: Final = 1.0


class EmbeddedChild:
    """An embedded server, which may be down, or still be loading, between two polls.

    A server ends by itself when its disk is full, and may be killed at any moment, also while it loads.
    Neither ends the system: the server is started again until it runs. While its disk is full it can only be
    read; when there is room again, it is started once more.

    Args:
        name: for messages.
        server: started already.
        monotonic_seconds: clock for the back-off.
    """

    def __init__(self, name: str, server: EmbeddedRedis, monotonic_seconds: Callable[[], float]) -> None:
        self.name = name
        self._server = server
        self._clock = monotonic_seconds
        self._is_loading = False
        self._began = monotonic_seconds()
        self._failures = 0
        self._start_again: float | None = None
        self._report_at = 0.0

    @property
    def pid(self) -> int:
        """Process id of the server."""
        return self._server.pid

    def poll(self) -> str | None:
        """Checks the server, and starts it again when its back-off is over.

        Returns:
            A report for the operator if there is news; None otherwise.
        """
        self._server.bound_log()
        try:
            if self._start_again is not None:
                return self._launch() if self._clock() >= self._start_again else None
            return self._check_loading() if self._is_loading else self._check_running()
        except (StoreError, OSError) as error:
            return self._rest(f"{self.name} does not start: {error}")

    def _check_running(self) -> str | None:
        if self._server.is_running:
            return None if self._server.takes_writes else self._look_for_room()
        self._server.stop()
        if self._clock() - self._began >= _STEADY_SECONDS:
            self._failures = 0
        return self._rest(f"{self.name} ended")

    def _look_for_room(self) -> str | None:
        if self._clock() < self._report_at:
            return None
        self._report_at = self._clock() + _ROOM_INTERVAL_SECONDS
        if not self._server.has_room:
            return None
        self._server.stop()
        self._failures = 0
        return self._rest(f"there is room again on the disk of {self.name}")

    def _launch(self) -> str | None:
        self._start_again = None
        self._server.launch()
        self._is_loading, self._began = True, self._clock()
        self._report_at = self._began + _LOADING_REPORT_SECONDS
        return None

    def _check_loading(self) -> str | None:
        if self._server.is_ready():
            self._is_loading, self._began = False, self._clock()
            self._report_at = self._began
            cut = self._server.cut_bytes
            ready = "is ready again" if self._server.takes_writes else "can only be read: its disk is full"
            return f"{f'{describe_cut(self.name, cut)}; ' if cut else ''}{self.name} {ready}"
        if self._clock() < self._report_at:
            return None
        self._report_at = self._clock() + _LOADING_REPORT_SECONDS
        return f"{self.name} is still {self._server.activity}, after {self._clock() - self._began:.0f} s"

    def _rest(self, report: str) -> str:
        """Plans the next start; returns the report of it."""
        self._is_loading = False
        rest_seconds = _BACK_OFF.back_off_seconds(self._failures) if self._failures else 0.0
        self._failures += 1
        self._start_again = self._clock() + rest_seconds
        return f"{report}; restarting {f'in {rest_seconds:g} s' if rest_seconds else 'now'}"


def describe_cut(name: str, cut_bytes: int) -> str:
    """Returns the line for an operator whose log ended in a torn transaction."""
    return f"{name}: {cut_bytes} bytes of a transaction that was never acknowledged were cut off the log"
