"""Receipts of erasures: each proves that an erasure happened, and when. A receipt holds no identity.

The person holds a random number. The store holds its SHA-256, the time and two counts, which lead to no
account and cannot be found without the number.
"""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import cast

import msgspec
from redis import Redis

from privacy.errors import NotFoundError
from privacy.store.connect import translated
from privacy.store.keys import platform_key
from privacy.vault.erasure import Erased

RECEIPT_BYTES = 16


class Receipt(msgspec.Struct, frozen=True):
    """The facts that a receipt proves.

    Args:
        erased_at_ms: when the account was erased.
        engagements: number of engagements that were stored.
        counted: number of those that were counted.
        backups_until_ms: when the last backup that may contain them is deleted.
    """

    erased_at_ms: int
    engagements: int
    counted: int
    backups_until_ms: int


@dataclass(frozen=True)
class Receipts:
    """Issues and verifies receipts.

    Args:
        client: must have the ACL user `platform`.
        entropy: returns the given number of bytes from the operating system's CSPRNG.
        keep_seconds: how long a receipt can be verified.
        backup_seconds: how long backups of the store are kept.
    """

    client: Redis
    entropy: Callable[[int], bytes]
    keep_seconds: int
    backup_seconds: int

    def issue(self, erased: Erased, now_ms: int) -> tuple[str, Receipt]:
        """Issue a receipt. Returns its id, which cannot be recovered later, and the receipt.

        Args:
            erased: the result of the erasure.
            now_ms: the time.

        Raises:
            StoreBusyError: the store did not confirm.
        """
        receipt_id = self.entropy(RECEIPT_BYTES).hex()
        until_ms = now_ms + 1000 * self.backup_seconds
        receipt = Receipt(now_ms, erased.registers, erased.counted, until_ms)
        with translated():
            self.client.set(_redis_key(receipt_id), msgspec.json.encode(receipt), ex=self.keep_seconds)
        return receipt_id, receipt

    def verify(self, receipt_id: str) -> Receipt:
        """Return the receipt with an id.

        Raises:
            NotFoundError: no receipt with this id was issued, or it has expired.
            StoreBusyError: the store did not answer.
        """
        with translated():
            stored = cast("bytes | None", self.client.get(_redis_key(receipt_id)))
        if stored is None:
            raise NotFoundError("There is no receipt with this id, or it has expired.")
        return msgspec.json.decode(stored, type=Receipt)


def _redis_key(receipt_id: str) -> str:
    return platform_key("receipts", sha256(receipt_id.encode()).hexdigest())
