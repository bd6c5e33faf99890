"""Receipts of erasures: each proves that an erasure happened, and when. A receipt holds no identity.

The person holds a random number. The store holds its SHA-256, the time and two counts, which lead to no
account and cannot be found without the number. A receipt has no time to live in Redis, whose own clock may
leap: the maintenance worker deletes it, by an index of their times.
"""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import cast

import msgspec
from redis import Redis
from redis.utils import str_if_bytes

from privacy.errors import NotFoundError
from privacy.store.connect import translated
from privacy.store.keys import RECEIPTS_BY_TIME, platform_key
from privacy.vault.erasure import Erased

RECEIPT_BYTES = 16
_PAGE = 1_000


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
        backup_seconds: how long backups of the store are kept.
    """

    client: Redis
    entropy: Callable[[int], bytes]
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
        digest = sha256(receipt_id.encode()).hexdigest()
        with translated():
            # The index first: a receipt that is not in it would stay permanently.
            self.client.zadd(RECEIPTS_BY_TIME, {digest: now_ms})
            self.client.set(_redis_key(digest), msgspec.json.encode(receipt))
        return receipt_id, receipt

    def verify(self, receipt_id: str) -> Receipt:
        """Return the receipt with an id.

        Raises:
            NotFoundError: no receipt with this id was issued, or it is no longer kept.
            StoreBusyError: the store did not answer.
        """
        with translated():
            digest = sha256(receipt_id.encode()).hexdigest()
            stored = cast("bytes | None", self.client.get(_redis_key(digest)))
        if stored is None:
            raise NotFoundError("There is no receipt with this id, or it has expired.")
        return msgspec.json.decode(stored, type=Receipt)


def forget_receipts_before(client: Redis, moment_ms: int) -> None:
    """Deletes the receipts of erasures before a time.

    Args:
        client: must have the ACL user `maintenance`.
        moment_ms: the time.

    Raises:
        StoreBusyError: the store did not confirm. Repeat.
    """
    with translated():
        while found := cast(
            "list[bytes]",
            client.zrange(RECEIPTS_BY_TIME, "-inf", f"({moment_ms}", byscore=True, offset=0, num=_PAGE),
        ):
            client.unlink(*(_redis_key(str_if_bytes(digest)) for digest in found))
            client.zrem(RECEIPTS_BY_TIME, *found)


def _redis_key(digest: str) -> str:
    return platform_key("receipts", digest)
