"""Asks for the store's log to be rewritten, so that what was erased is gone from disk too."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from redis.exceptions import ResponseError

from privacy.store.connect import translated
from privacy.store.keys import AOF_REWRITES_COMPLETED, AOF_REWRITES_REQUESTED

if TYPE_CHECKING:
    from redis import Redis


def request_aof_rewrite(client: Redis) -> None:
    """Leave word that something was erased; any number of wishes are met by one rewrite.

    Raises:
        StoreBusyError: the store did not confirm.
    """
    with translated():
        client.incr(AOF_REWRITES_REQUESTED)


GATHER_MS = 60_000
"""So long wishes gather. A rewrite writes everything, whatever it is for: so there is one a minute at most,
and none in the seconds in which an erasure itself is at work."""


@dataclass
class AofRewriteScheduler:
    """Has the log rewritten while somebody wants it.

    Args:
        client: of a user that may.
    """

    client: Redis
    _wanted_since_ms: int | None = field(default=None, init=False)
    _begun_for: int | None = field(default=None, init=False)

    def step(self, now_ms: int) -> None:
        """Begin a rewrite once wishes had time to gather, or see whether the one that was begun is over.

        Args:
            now_ms: the time.

        Raises:
            StoreBusyError: the store did not answer.
        """
        with translated():
            wanted = self._count(AOF_REWRITES_REQUESTED)
            if wanted <= self._count(AOF_REWRITES_COMPLETED):
                self._begun_for = self._wanted_since_ms = None
                return
            if self._wanted_since_ms is None:
                self._wanted_since_ms = now_ms
            if abs(now_ms - self._wanted_since_ms) < GATHER_MS:
                return
            state = self.client.info("persistence")
            if state["aof_rewrite_in_progress"] or state["aof_rewrite_scheduled"]:
                return
            if self._begun_for is None or state["aof_last_bgrewrite_status"] != "ok":
                self._begin(wanted)
            else:
                # Wishes of the meantime stay: what they are about may be in the log that was just written.
                self.client.set(AOF_REWRITES_COMPLETED, self._begun_for)
                self._begun_for = self._wanted_since_ms = None

    def _begin(self, wanted: int) -> None:
        try:
            self.client.bgrewriteaof()
        except ResponseError:
            return  # another fork is under way; the next step tries again
        self._begun_for = wanted

    def _count(self, name: str) -> int:
        return int(cast("bytes | None", self.client.get(name)) or 0)
