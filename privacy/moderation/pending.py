"""What is being done to single accounts right now: if its doer ends in the middle, the steward does it again.

An entry names the account by its handle, and is gone as soon as the work is done.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, cast

from privacy.store.connect import translated
from privacy.store.keys import UNFINISHED
from privacy.vault.pseudonym import HANDLE_BYTES

if TYPE_CHECKING:
    from redis import Redis


class Work(Enum):
    """What is done; the value is part of stored entries."""

    SETTLE = b"s"
    ERASE = b"e"


class Unfinished(NamedTuple):
    """One piece of work.

    Args:
        handle: of the account.
        work: what is done to it.
    """

    handle: bytes
    work: Work


@dataclass(frozen=True)
class PendingOperations:
    """Remembers work while it is done.

    Args:
        client: of a user that may.
    """

    client: Redis

    @contextmanager
    def during(self, piece: Unfinished, now_ms: int) -> Iterator[None]:
        """Remember a piece of work for the length of the block; for longer if the block fails.

        Raises:
            StoreBusyError: the store did not confirm.
        """
        with translated():
            self.client.zadd(UNFINISHED, {_member(piece): now_ms})
        yield
        self.finished(piece)

    def begun_before(self, moment_ms: int, limit: int) -> list[Unfinished]:
        """Work that was begun so long ago that nobody is at it any more, longest ago first."""
        with translated():
            rows = self.client.zrange(UNFINISHED, "-inf", moment_ms, byscore=True, offset=0, num=limit)
        return [Unfinished(row[:HANDLE_BYTES], Work(row[HANDLE_BYTES:])) for row in cast("list[bytes]", rows)]

    def finished(self, piece: Unfinished) -> None:
        """Forget a piece of work."""
        with translated():
            self.client.zrem(UNFINISHED, _member(piece))


def _member(piece: Unfinished) -> bytes:
    return piece.handle + piece.work.value
