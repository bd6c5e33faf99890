"""Rewrites of the store's append-only log, which remove erased data from disk."""

from dataclasses import dataclass, field
from typing import cast

from redis import Redis
from redis.exceptions import ResponseError

from privacy.store.connect import translated
from privacy.store.keys import AOF_REWRITES_COMPLETED, AOF_REWRITES_REQUESTED


def request_aof_rewrite(client: Redis) -> None:
    """Request a log rewrite; requests made before it starts are served by the same one.

    Args:
        client: must have the ACL user `platform` or `maintenance`.

    Raises:
        StoreBusyError: the store did not confirm.
    """
    with translated():
        client.incr(AOF_REWRITES_REQUESTED)


COLLECT_MS = 60_000
"""How long requests are collected before a rewrite. A rewrite writes the whole store, so at most one starts
per minute, and none while an erasure is in progress."""


@dataclass
class AofRewriteScheduler:
    """Starts log rewrites while requests are open.

    Args:
        client: must have the ACL user `maintenance`.
    """

    client: Redis
    _requested_since_ms: int | None = field(default=None, init=False)
    _serves_requests: int | None = field(default=None, init=False)

    def step(self, now_ms: int) -> None:
        """Start a rewrite once requests were collected, or check whether the one in progress has finished.

        Args:
            now_ms: the time.

        Raises:
            StoreBusyError: the store did not answer.
        """
        with translated():
            requested = self._read_count(AOF_REWRITES_REQUESTED)
            if requested <= self._read_count(AOF_REWRITES_COMPLETED):
                self._serves_requests = self._requested_since_ms = None
                return
            if self._requested_since_ms is None:
                self._requested_since_ms = now_ms
            if abs(now_ms - self._requested_since_ms) < COLLECT_MS:
                return
            state = self.client.info("persistence")
            if state["aof_rewrite_in_progress"] or state["aof_rewrite_scheduled"]:
                return
            if self._serves_requests is None or state["aof_last_bgrewrite_status"] != "ok":
                self._begin(requested)
            else:
                # Later requests stay open: the new log may contain the data that they are about.
                self.client.set(AOF_REWRITES_COMPLETED, self._serves_requests)
                self._serves_requests = self._requested_since_ms = None

    def _begin(self, requested: int) -> None:
        try:
            self.client.bgrewriteaof()
        except ResponseError:
            return  # another fork is in progress; the next step tries again
        self._serves_requests = requested

    def _read_count(self, name: str) -> int:
        return int(cast("bytes | None", self.client.get(name)) or 0)
