"""How many erasures a store knows of, against the list outside of it: is it older than the list?

The mark is the number of the last erasure that was written down. It is set under the list's lock, right after
the line is on disk. So a store whose mark is behind the list comes from a backup, or its last writer died
between the two: in both cases the erasures behind the mark are done again, and until then nothing is taken in
or released. A mark ahead of the list means that the list is not the newest one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from privacy.errors import StoreBusyError, StoreError
from privacy.rollback.erasure_log import ErasureLog
from privacy.store.connect import translated
from privacy.store.keys import ERASURES

if TYPE_CHECKING:
    from redis import Redis
    from redis.connection import AbstractConnection


@dataclass(frozen=True)
class ErasureWatermark:
    """The mark of a store.

    Args:
        client: of a user that may read it; to set it, of one that may.
        erasures: the list outside.
    """

    client: Redis
    erasures: ErasureLog

    def write_down(self, at_ms: int, closed_until_ms: int, shard: int, tombstone: bytes) -> None:
        """Write an erasure down, outside and here; on disk in both places when this returns.

        Raises:
            StoreBusyError: the store is behind the list, or one of the two did not confirm. Erase again.
            StoreError: the list is missing, or not the newest one.
        """
        with self.erasures.alone():
            # Behind erasures that are to be done again, a new number would hide them.
            self.require_in_step()
            self._set(self.erasures.append(at_ms, closed_until_ms, shard, tombstone))

    def require_in_step(self) -> None:
        """Make sure that the store knows of every erasure that is listed.

        Raises:
            StoreBusyError: it does not; a maintenance worker is about to erase again.
            StoreError: the list is missing, or not the newest one.
        """
        _require(self.value() or 0, self.erasures)

    def is_behind(self) -> bool:
        """Whether erasures are to be done again.

        Raises:
            StoreError: the list is missing, or not the newest one.
        """
        try:
            self.require_in_step()
        except ErasuresMissingError:
            return True
        return False

    def value(self) -> int | None:
        """The mark; None in a store that has never had one."""
        with translated():
            return _number(cast("bytes | None", self.client.get(ERASURES)))

    def advance(self, number: int) -> None:
        """Say that the store knows of all erasures up to one; less than it says already changes nothing.

        Raises:
            StoreBusyError: the store did not confirm.
        """
        with self.erasures.alone():
            known = self.value()
            if known is None or known < number:
                self._set(number)

    def _set(self, number: int) -> None:
        with translated():
            self.client.set(ERASURES, number)


class ErasuresMissingError(StoreBusyError):
    """The store lacks erasures that are listed, until a maintenance worker has done them again."""


def caught_up(
    greet: Callable[[AbstractConnection], None], erasures: ErasureLog
) -> Callable[[AbstractConnection], None]:
    """A greeting that asks every new connection, after another greeting, whether the store is behind.

    A store that was put back under a running process has closed all its connections before. A connection
    that is opened at the very moment of an erasure may find it behind for some ms, and is refused: the next
    one is not.

    Args:
        greet: of `StoreHeader`.
        erasures: the list of its store.
    """

    def ask(connection: AbstractConnection) -> None:
        greet(connection)
        connection.send_command("GET", ERASURES)  # type: ignore[no-untyped-call]  # redis-py leaves it unannotated
        try:
            _require(_number(connection.read_response()) or 0, erasures)
        except StoreError:
            connection.disconnect()  # type: ignore[no-untyped-call]  # as above
            raise

    return ask


def _require(mark: int, erasures: ErasureLog) -> None:
    last = erasures.last()
    if mark < last:
        raise ErasuresMissingError(
            f"the store lacks {last - mark} erasures of {erasures.path}: it is older than they are; nothing "
            "is taken in or released before `likewise maintain` has done them again"
        )
    if mark > last:
        raise StoreError(
            f"the list of erasures {erasures.path} ends with {last}, and the store knows of {mark}: put the "
            "newest one back; if it is lost, see `likewise rights rebuild-erasure-log --help`"
        )


def _number(stored: object) -> int | None:
    return int(stored) if isinstance(stored, bytes) else None
