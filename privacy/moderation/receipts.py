"""Receipts of erasures: they prove that and when, and keep nobody's identity.

The person holds a random number; kept are its SHA-256, the time and two counts. Nothing leads from there to
an account, and without the number nothing leads there at all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, cast

import msgspec

from privacy.errors import NotFoundError
from privacy.store.connect import translated
from privacy.store.keys import platform_key
from privacy.vault.erasure import Erased

if TYPE_CHECKING:
    from redis import Redis

RECEIPT_BYTES = 16


class Receipt(msgspec.Struct, frozen=True):
    """What a receipt proves.

    Args:
        erased_at_ms: when.
        engagements: how many were held.
        counted: how many of them were counted.
        backups_until_ms: when the last backup that may hold any of it is gone.
    """

    erased_at_ms: int
    engagements: int
    counted: int
    backups_until_ms: int


@dataclass(frozen=True)
class Receipts:
    """Gives receipts out and verifies them.

    Args:
        client: of a user that may.
        entropy: answers so many bytes of the operating system's CSPRNG.
        keep_seconds: how long a receipt can be verified.
        backup_seconds: within which backups of the store are gone.
    """

    client: Redis
    entropy: Callable[[int], bytes]
    keep_seconds: int
    backup_seconds: int

    def issue(self, erased: Erased, now_ms: int) -> tuple[str, Receipt]:
        """Give a receipt out: its id, which nobody can find out later, and what it proves.

        Raises:
            StoreBusyError: the store did not confirm.
        """
        receipt_id = self.entropy(RECEIPT_BYTES).hex()
        until_ms = now_ms + 1000 * self.backup_seconds
        receipt = Receipt(now_ms, erased.registers, erased.counted, until_ms)
        with translated():
            self.client.set(_name(receipt_id), msgspec.json.encode(receipt), ex=self.keep_seconds)
        return receipt_id, receipt

    def verify(self, receipt_id: str) -> Receipt:
        """What a receipt proves.

        Raises:
            NotFoundError: no such receipt was given, or its time is over.
        """
        with translated():
            stored = cast("bytes | None", self.client.get(_name(receipt_id)))
        if stored is None:
            raise NotFoundError("there is no such receipt, or its time is over")
        return msgspec.json.decode(stored, type=Receipt)


def _name(receipt_id: str) -> str:
    return platform_key("receipts", sha256(receipt_id.encode()).hexdigest())
