"""Keeps the processes of a system running, and ends them together."""

from collections.abc import Callable, Sequence
from typing import Final

from api.runtime.child import Child
from api.runtime.embedded_child import EmbeddedChild
from privacy.errors import StoreError

_POLL_SECONDS: Final = 0.2
END_SECONDS: Final = 13.0


class Supervisor:
    """Keeps the processes of one machine running.

    Args:
        children: in the order in which they end.
        servers: embedded servers, which the caller starts and stops; empty if others are used.
        wait: rests for the given seconds, or less if asked to stop; returns whether to stop.
        echo: writes a line for the operator.
        monotonic_seconds: clock for timeouts.
        alert: returns a line for the operator when something of the system has changed that is no process.
    """

    def __init__(
        self,
        children: Sequence[Child],
        servers: Sequence[EmbeddedChild],
        wait: Callable[[float], bool],
        echo: Callable[[str], None],
        monotonic_seconds: Callable[[], float],
        alert: Callable[[], str | None],
    ) -> None:
        self._children = children
        self._servers = servers
        self._wait = wait
        self._echo = echo
        self._clock = monotonic_seconds
        self._alert = alert

    def start(self, ready: Callable[[], bool], patience_seconds: float) -> bool:
        """Starts all children and waits until the system is ready.

        Args:
            ready: whether the system is ready.
            patience_seconds: how long that may take.

        Returns:
            False if asked to stop meanwhile.

        Raises:
            StoreError: a child ended, or the system was not ready in time.
        """
        for child in self._children:
            child.start()
        deadline = self._clock() + patience_seconds
        while not self._all_run() or not ready() or not self._all_run():
            if self._clock() > deadline:
                raise StoreError(f"the system is not ready after {patience_seconds:g} s; see its logs")
            if self._wait(_POLL_SECONDS):
                return False
        return True

    def _all_run(self) -> bool:
        """Reports servers that ended.

        Raises:
            StoreError: a child ended; whatever answers in its place is not ours.
        """
        for server in self._servers:
            if report := server.poll():
                self._echo(report)
        for child in self._children:
            if report := child.report_exit():
                raise StoreError(report)
        return True

    def watch(self) -> None:
        """Keeps everything running until asked to stop; nothing that ends, ends the rest."""
        watched: list[EmbeddedChild | Child] = [*self._servers, *self._children]
        while not self._wait(_POLL_SECONDS):
            for report in (*(child.poll() for child in watched), self._alert()):
                if report:
                    self._echo(report)

    def end(self) -> None:
        """Ends all children; none of their processes is left when this returns."""
        for child in self._children:
            child.terminate()
        deadline = self._clock() + END_SECONDS
        for child in self._children:
            child.end(max(0.0, deadline - self._clock()))
