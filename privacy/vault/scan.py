"""Walks over all accounts of the vault, as only the maintenance worker may: for retention and advisories."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

from privacy.errors import StoreError
from privacy.store.connect import translated
from privacy.vault.account_record import HeldAccount
from privacy.vault.pseudonym import PSEUDONYM_BYTES, Account
from privacy.vault.shards import AccountShards

ACCOUNTS_PER_STEP = 100
_FIELDS_PER_STEP = 1_000
_NAME = re.compile(rb"v:\{a(\d+)\}:r(\d+):(.{%d})" % PSEUDONYM_BYTES, re.DOTALL)


class FoundAccount(NamedTuple):
    """An account that a walk has come to.

    Args:
        name: of its hash.
        shard: where it is.
        handle: its handle.
        held: what is held of it.
    """

    name: bytes
    shard: int
    handle: bytes
    held: HeldAccount


@dataclass(frozen=True)
class AccountScan:
    """Walks over accounts. One that is there all the time is met; one that is being moved may be met twice.

    Args:
        shards: of a user that may scan.
    """

    shards: AccountShards

    def batches(self) -> Iterator[list[FoundAccount]]:
        """Some accounts at a time.

        Raises:
            StoreBusyError: the store did not answer.
        """
        cursor = 0
        while True:
            with translated():
                cursor, names = self.shards.client.scan(cursor, match="v:{a*}:r*:*", count=ACCOUNTS_PER_STEP)
                found = self._read(cast("list[bytes]", names))
            yield found
            if not cursor:
                return

    def accounts(self) -> Iterator[list[Account]]:
        """Some accounts at a time, without what is held of them.

        Raises:
            StoreError: one of them is kept under a key that was destroyed: nobody can tell whose it is.
            StoreBusyError: the store did not answer.
        """
        cursor = 0
        while True:
            with translated():
                cursor, names = self.shards.client.scan(cursor, match="v:{a*}:r*:*", count=ACCOUNTS_PER_STEP)
            matches = filter(None, map(_NAME.fullmatch, cast("list[bytes]", names)))
            yield [self._account(match[3], int(match[2])) for match in matches]
            if not cursor:
                return

    def _account(self, pseudonym: bytes, generation: int) -> Account:
        keys = self.shards.keys.current
        if generation == keys.generation:
            return keys.of_pseudonyms([pseudonym])[0]
        if generation == keys.generation - 1 and keys.former_outer_key:
            return keys.of_former_pseudonyms([pseudonym])[0]
        raise StoreError(
            f"accounts of this store are kept under pseudonym key {generation}, and the key file holds "
            f"{keys.generation}: it comes from a backup from before a rotation, and is not to be used"
        )

    def _read(self, names: Sequence[bytes]) -> list[FoundAccount]:
        matches = [match for name in names if (match := _NAME.fullmatch(name))]
        pipeline = self.shards.client.pipeline(transaction=False)
        for match in matches:
            pipeline.hget(self.shards.account_table(int(match[1])), match[3])
            pipeline.hscan(match[0], count=_FIELDS_PER_STEP)
        answers = pipeline.execute()
        found = []
        for match, account, (cursor, page) in zip(matches, answers[::2], answers[1::2], strict=True):
            fields = page | self._rest(match[0], cursor)
            handle = self._handle(match[3], int(match[2]))
            if fields and handle:
                held = HeldAccount.parse(account, fields)
                found.append(FoundAccount(match[0], int(match[1]), handle, held))
        return found

    def _rest(self, name: bytes, cursor: int) -> dict[bytes, bytes]:
        """What the first page of a large account left."""
        fields: dict[bytes, bytes] = {}
        while cursor:
            answer = self.shards.client.hscan(name, cursor, count=_FIELDS_PER_STEP)
            cursor, page = cast("tuple[int, dict[bytes, bytes]]", answer)
            fields |= page
        return fields

    def _handle(self, pseudonym: bytes, generation: int) -> bytes | None:
        """Handle of an account; None if its pseudonym is of a key that this process does not know yet."""
        keys = self.shards.keys.current
        if generation == keys.generation:
            return keys.handles_of_pseudonyms([pseudonym])[0].name
        if generation == keys.generation - 1 and keys.former_outer_key:
            return keys.handles_of_accounts(keys.of_former_pseudonyms([pseudonym]))[0].name
        self.shards.keys.reload()
        return None
