"""Tracks operations on single accounts, so that the maintenance worker resumes those that were interrupted.

A pending operation names the account by its handle. It leaves the store as soon as it is complete.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, cast

from redis import Redis

from privacy.moderation.aof_rewrite import request_aof_rewrite
from privacy.moderation.audit_trail import AuditEntry, AuditTrail
from privacy.store.connect import translated
from privacy.store.keys import PENDING_OPERATIONS
from privacy.vault.pseudonym import HANDLE_BYTES


class Work(Enum):
    """The kinds of operations; the value is part of stored members."""

    SETTLE = b"s"
    ERASE = b"e"
    ERASE_IF_DUE = b"d"
    """Staff may reinstate the account until the erasure has begun."""


class PendingOperation(NamedTuple):
    """An operation on one account.

    Args:
        handle: of the account.
        work: the kind of operation.
    """

    handle: bytes
    work: Work


@dataclass(frozen=True)
class PendingOperations:
    """Tracks operations while they run.

    Args:
        client: must have the ACL user `platform` or `maintenance`; only the latter may list operations.
    """

    client: Redis

    @contextmanager
    def track(self, operation: PendingOperation, now_ms: int) -> Iterator[None]:
        """Track an operation while the block runs, and beyond that if the block fails.

        Raises:
            StoreBusyError: the store did not confirm.
        """
        self.begin(operation, now_ms)
        yield
        self.complete(operation)

    def begin(self, operation: PendingOperation, now_ms: int) -> None:
        """Start tracking an operation.

        Raises:
            StoreBusyError: the store did not confirm.
        """
        with translated():
            self.client.zadd(PENDING_OPERATIONS, {_pack(operation): now_ms})

    def older_than(self, moment_ms: int, limit: int) -> list[PendingOperation]:
        """Return operations that began by the given time, oldest first.

        Args:
            moment_ms: the time.
            limit: the maximum number of operations.

        Raises:
            StoreBusyError: the store did not answer.
        """
        with translated():
            rows = self.client.zrange(
                PENDING_OPERATIONS, "-inf", moment_ms, byscore=True, offset=0, num=limit
            )
        members = cast("list[bytes]", rows)
        return [PendingOperation(member[:HANDLE_BYTES], Work(member[HANDLE_BYTES:])) for member in members]

    def complete(self, operation: PendingOperation) -> None:
        """Stop tracking an operation.

        Raises:
            StoreBusyError: the store did not confirm.
        """
        with translated():
            self.client.zrem(PENDING_OPERATIONS, _pack(operation))

    def complete_erasure(self, operation: PendingOperation, entry: AuditEntry | None) -> None:
        """Stop tracking an erasure, record it, and request a rewrite of the log, which names the account.

        All are one transaction: nothing resumes an operation that is no longer tracked, and a rewrite that
        started while it was does not serve the request.

        Args:
            operation: the erasure.
            entry: for the audit trail; None if the caller records it together with others.

        Raises:
            StoreBusyError: the store did not confirm.
        """
        with translated(), self.client.pipeline(transaction=True) as pipeline:
            pipeline.zrem(PENDING_OPERATIONS, _pack(operation))
            if entry:
                AuditTrail(pipeline).write(entry)
            request_aof_rewrite(pipeline)
            pipeline.execute()


def _pack(operation: PendingOperation) -> bytes:
    return operation.handle + operation.work.value
