"""Keeps an embedded server running: restarts it with back-off, and waits while it loads its data."""

from collections.abc import Callable
from typing import Final

from api.http.child_process import Restarts
from privacy.embedded.server import EmbeddedRedis
from privacy.errors import StoreError

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
        self._restarts = Restarts(monotonic_seconds)
        self._is_down = False
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
            if self._is_down:
                return self._launch() if self._restarts.is_due else None
            return self._check_loading() if self._is_loading else self._check_running()
        except (StoreError, OSError) as error:
            return self._rest(f"{self.name} does not start: {error}")

    def _check_running(self) -> str | None:
        if self._server.is_running:
            return None if self._server.takes_writes else self._look_for_room()
        self._server.stop()
        return self._rest(f"{self.name} ended")

    def _look_for_room(self) -> str | None:
        if self._clock() < self._report_at:
            return None
        self._report_at = self._clock() + _ROOM_INTERVAL_SECONDS
        if not self._server.has_room:
            return None
        self._server.stop()
        self._restarts.forget()
        return self._rest(f"there is room again on the disk of {self.name}")

    def _launch(self) -> str | None:
        self._restarts.begin()
        self._server.launch()
        self._is_down = False
        self._is_loading, self._began = True, self._clock()
        self._report_at = self._began + _LOADING_REPORT_SECONDS
        return None

    def _check_loading(self) -> str | None:
        if self._server.is_ready():
            self._restarts.begin()
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
        self._is_loading, self._is_down = False, True
        return self._restarts.plan(report)


def describe_cut(name: str, cut_bytes: int) -> str:
    """Returns the line for an operator whose log ended in a torn transaction."""
    return f"{name}: {cut_bytes} bytes of a transaction that was never acknowledged were cut off the log"
