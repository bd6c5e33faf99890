"""The number of erasures that a store knows of, checked against the erasure log outside the store.

The watermark is the number of the last recorded erasure. It is set under the lock of the log, right after the
line is on disk. So a store whose watermark is behind the log was restored from a backup, or its last writer
died between the two writes. In both cases the erasures after the watermark are repeated, and until then
nothing is taken in or released. A watermark ahead of the log means that the log is not the newest one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from redis import Redis
from redis.connection import AbstractConnection

from privacy.errors import StoreBusyError, StoreError
from privacy.rollback.erasure_log import ErasureLog, ErasureRecord
from privacy.store.connect import translated
from privacy.store.keys import ERASURES


@dataclass(frozen=True)
class ErasureWatermark:
    """The erasure watermark of one store.

    Args:
        client: its ACL user must be allowed to read the watermark, and to set it for `record` and `advance`.
        erasures: the erasure log outside the store.
    """

    client: Redis
    erasures: ErasureLog

    def record(self, at_ms: int, closed_until_ms: int, shard: int, tombstone: bytes) -> None:
        """Record an erasure in the log and in the store; on disk in both when this returns.

        Raises:
            StoreBusyError: the store is behind the log, or one of the two did not confirm. Erase again.
            StoreError: the log is missing, or not the newest one.
        """
        with self.erasures.locked():
            # A new number would hide the erasures that must be repeated.
            self.require_caught_up()
            self._set(self.erasures.append(at_ms, closed_until_ms, shard, tombstone))

    def require_caught_up(self) -> None:
        """Make sure that the store knows of every erasure in the log.

        Raises:
            StoreBusyError: it does not; the maintenance worker is about to repeat them.
            StoreError: the log is missing, or not the newest one.
        """
        _require_equal(self.read() or 0, self.erasures)

    def is_behind(self) -> bool:
        """Return whether erasures must be repeated.

        Raises:
            StoreError: the log is missing, or not the newest one.
        """
        try:
            self.require_caught_up()
        except ErasuresMissingError:
            return True
        return False

    def list_missing(self) -> list[ErasureRecord]:
        """Return the erasures that the store lacks, oldest first.

        Reads under the lock: no other process is between its two writes then.

        Raises:
            StoreError: the log is missing, damaged, or not the newest one, or begins too late for this store.
        """
        with self.erasures.locked():
            return self.erasures.read_after(self.read() or 0) if self.is_behind() else []

    def read(self) -> int | None:
        """Return the watermark; None in a store that has never had one."""
        with translated():
            return _parse_number(cast("bytes | None", self.client.get(ERASURES)))

    def advance(self, number: int) -> None:
        """Record that the store knows of all erasures up to the given one; never lowers the watermark.

        Raises:
            StoreBusyError: the store did not confirm.
        """
        with self.erasures.locked():
            known = self.read()
            if known is None or known < number:
                self._set(number)

    def _set(self, number: int) -> None:
        with translated():
            self.client.set(ERASURES, number)


class ErasuresMissingError(StoreBusyError):
    """The store lacks erasures that are in the log, until the maintenance worker has repeated them."""


def caught_up(
    greet: Callable[[AbstractConnection], None], erasures: ErasureLog
) -> Callable[[AbstractConnection], None]:
    """Return a greeting that also checks, on every new connection, that the store is not behind the log.

    A store that is restored under a running process closes all its connections first. A connection opened at
    the very moment of an erasure may find the store behind for some ms and is refused; the next one is not.

    Args:
        greet: the greeting to extend, of `StoreHeader`.
        erasures: the erasure log of the store.
    """

    def greet_and_check(connection: AbstractConnection) -> None:
        greet(connection)
        connection.send_command("GET", ERASURES)  # type: ignore[no-untyped-call]  # redis-py leaves it unannotated
        try:
            _require_equal(_parse_number(connection.read_response()) or 0, erasures)
        except StoreError:
            connection.disconnect()  # type: ignore[no-untyped-call]  # as above
            raise

    return greet_and_check


def _require_equal(watermark: int, erasures: ErasureLog) -> None:
    last = erasures.require_at_least(watermark)
    if watermark < last:
        raise ErasuresMissingError(
            f"the store lacks {last - watermark} erasures of {erasures.path}: it is older than they are; "
            "nothing is taken in or released before `likewise maintain` has repeated them"
        )


def _parse_number(stored: object) -> int | None:
    return int(stored) if isinstance(stored, bytes) else None
