"""Asks for the store's log to be rewritten, so that what was erased is gone from disk too."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from redis.exceptions import ResponseError

from privacy.store.connect import translated
from privacy.store.keys import REWRITE
from privacy.store.script import Script, ScriptCall

if TYPE_CHECKING:
    from redis import Redis

_FORGET = Script.packaged("privacy.moderation", "forget_wish.lua")


def want_rewrite(client: Redis, now_ms: int) -> None:
    """Leave word that something was erased; any number of wishes are met by one rewrite.

    Raises:
        StoreBusyError: the store did not confirm.
    """
    with translated():
        client.set(REWRITE, now_ms)


@dataclass
class LogRewriter:
    """Has the log rewritten while somebody wants it.

    Args:
        client: of a user that may.
    """

    client: Redis
    _begun_for: bytes | None = field(default=None, init=False)

    def step(self) -> None:
        """Begin a rewrite, or see whether the one that was begun is over.

        Raises:
            StoreBusyError: the store did not answer.
        """
        with translated():
            wanted = cast("bytes | None", self.client.get(REWRITE))
            if wanted is None:
                self._begun_for = None
                return
            state = self.client.info("persistence")
            if state["aof_rewrite_in_progress"] or state["aof_rewrite_scheduled"]:
                return
            if self._begun_for is None or state["aof_last_bgrewrite_status"] != "ok":
                self._begin(wanted)
            else:
                # A wish of the meantime stays: what it is about may be in the log that was just written.
                _FORGET.run(self.client, ScriptCall([REWRITE], [self._begun_for]))
                self._begun_for = None

    def _begin(self, wanted: bytes) -> None:
        try:
            self.client.bgrewriteaof()
        except ResponseError:
            return  # another fork is under way; the next step tries again
        self._begun_for = wanted
