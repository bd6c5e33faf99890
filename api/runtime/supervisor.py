"""Keeps the processes of a system running, and ends them together."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from api.runtime.child import Child
from privacy.embedded.server import EmbeddedRedis
from privacy.errors import StoreError

_LOOK_SECONDS: Final = 0.2
_END_SECONDS: Final = 8.0


class Supervisor:
    """Watches over the processes of one machine.

    Args:
        children: in the order in which they end.
        servers: the embedded ones by name, which the caller starts and stops; none where others are used.
        wait: rests so many seconds, or less if told to stop; whether that is so.
        say: tells the operator.
        monotonic_seconds: the clock of patience.
    """

    def __init__(
        self,
        children: Sequence[Child],
        servers: Mapping[str, EmbeddedRedis],
        wait: Callable[[float], bool],
        say: Callable[[str], None],
        monotonic_seconds: Callable[[], float],
    ) -> None:
        self._children = children
        self._servers = servers
        self._wait = wait
        self._say = say
        self._clock = monotonic_seconds

    def start(self, ready: Callable[[], bool], patience_seconds: float) -> bool:
        """Start all children and wait until the system is ready.

        Returns:
            False if it was told to stop meanwhile.

        Raises:
            StoreError: a child ended, or patience did.
        """
        for child in self._children:
            child.start()
        deadline = self._clock() + patience_seconds
        while not ready():
            for child in self._children:
                if obituary := child.died():
                    raise StoreError(obituary)
            if self._clock() > deadline:
                raise StoreError(f"the system is not ready after {patience_seconds:g} s; see its logs")
            if self._wait(_LOOK_SECONDS):
                return False
        return True

    def watch(self) -> None:
        """Keep everything running until told to stop.

        Raises:
            StoreError: an embedded Redis ended and does not start again, as on a full disk.
        """
        while not self._wait(_LOOK_SECONDS):
            self._look_after_servers()
            for child in self._children:
                if news := child.look():
                    self._say(news)

    def end(self) -> None:
        """End all children; nothing of them is left when this returns."""
        for child in self._children:
            child.ask_to_end()
        deadline = self._clock() + _END_SECONDS
        for child in self._children:
            child.end(max(0.0, deadline - self._clock()))

    def _look_after_servers(self) -> None:
        for name, server in self._servers.items():
            if _has_ended(server.pid):
                self._say(f"{name} ended; it starts again")
                server.stop()
                server.start()


def _has_ended(pid: int) -> bool:
    """Whether a child process has ended; it is left for its owner to collect."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
