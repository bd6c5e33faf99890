"""Scans all accounts of the vault: for retention, for advisories, and to rotate the pseudonym key."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

from privacy.errors import StoreBusyError, StoreError
from privacy.store.connect import translated
from privacy.vault.account_record import HeldAccount
from privacy.vault.pseudonym import PSEUDONYM_BYTES, Account
from privacy.vault.shards import AccountShards

ACCOUNTS_PER_STEP = 100
MAX_ATTEMPTS = 5
"""Connections in a row that may be lost before a scan gives up. To ask twice for names does no harm."""
_FIELDS_PER_STEP = 1_000
_PATTERN = "v:{a*}:r*:*"
_NAME = re.compile(rb"v:\{a(\d+)\}:r(\d+):(.{%d})" % PSEUDONYM_BYTES, re.DOTALL)


class AccountName(NamedTuple):
    """The name of an account's hash.

    Args:
        name: the whole name.
        shard: the account's shard.
        generation: of the outer key under which it is kept.
        pseudonym: under that key.
    """

    name: bytes
    shard: int
    generation: int
    pseudonym: bytes


class FoundAccount(NamedTuple):
    """An account that a scan has found.

    Args:
        name: of its hash.
        account_handle: its handle.
        held: its record.
    """

    name: AccountName
    account_handle: bytes
    held: HeldAccount


@dataclass(frozen=True)
class AccountScan:
    """Scans accounts. It finds each that is there all the time, and may find one twice that is being moved.

    Args:
        shards: their client must have an ACL user that may scan.
    """

    shards: AccountShards

    def scan_names(self, names_per_step: int = ACCOUNTS_PER_STEP) -> Iterator[list[AccountName]]:
        """Yields the names of some accounts at a time. A lost connection does not begin a scan again.

        A cursor means nothing to a server that was started since: going on there would miss accounts.

        Raises:
            StoreBusyError: the store did not answer, or its server was started again.
        """
        server, cursor = None, 0
        while True:
            found, cursor, names = self._step(cursor, names_per_step)
            if server not in {None, found}:
                raise StoreBusyError("the store was started again during a scan of its accounts")
            matches = filter(None, map(_NAME.fullmatch, names))
            yield [AccountName(match[0], int(match[1]), int(match[2]), match[3]) for match in matches]
            if not cursor:
                return
            server = found

    def _step(self, cursor: int, names_per_step: int) -> tuple[str, int, list[bytes]]:
        """Asks until there is an answer; returns the run of the server, the next cursor and some names."""
        for attempt in range(1, MAX_ATTEMPTS + 1):
            pipeline = self.shards.client.pipeline(transaction=False)
            pipeline.info("server")
            pipeline.scan(cursor, match=_PATTERN, count=names_per_step)
            try:
                with translated():
                    server, (following, names) = pipeline.execute()
            except StoreBusyError:
                if attempt == MAX_ATTEMPTS:
                    raise
            else:
                return server["run_id"], following, names
        raise AssertionError("not reached")

    def scan_records(self) -> Iterator[list[FoundAccount]]:
        """Yields some accounts at a time, with all that is held of them.

        Raises:
            StoreBusyError: the store did not answer.
        """
        for names in self.scan_names():
            with translated():
                found = self._read(names)
            yield found

    def scan_accounts(self) -> Iterator[list[Account]]:
        """Yields some accounts at a time, without their records.

        Raises:
            StoreError: one of them is kept under a key that was destroyed: no one can tell whose it is.
            StoreBusyError: the store did not answer.
        """
        for names in self.scan_names():
            yield [self._resolve(name) for name in names]

    def _resolve(self, name: AccountName) -> Account:
        if account := self._find(name):
            return account
        raise StoreError(
            f"accounts of this store are kept under pseudonym key {name.generation}, and the key file holds "
            f"{self.shards.keys.current.generation}: it is a backup from before a rotation; do not use it"
        )

    def _find(self, name: AccountName) -> Account | None:
        """Finds an account under the current keys; None if its pseudonym is of neither of them."""
        keys = self.shards.keys.current
        if name.generation == keys.generation:
            return keys.resolve_pseudonyms([name.pseudonym])[0]
        if name.generation == keys.generation - 1 and keys.previous_outer_key:
            return keys.resolve_previous_pseudonyms([name.pseudonym])[0]
        return None

    def _read(self, names: Sequence[AccountName]) -> list[FoundAccount]:
        pipeline = self.shards.client.pipeline(transaction=False)
        for name in names:
            pipeline.hget(self.shards.account_table(name.shard), name.pseudonym)
            pipeline.hscan(name.name, count=_FIELDS_PER_STEP)
        replies = pipeline.execute()
        found = []
        for name, number, (cursor, page) in zip(names, replies[::2], replies[1::2], strict=True):
            fields = page | self._read_rest(name.name, cursor)
            account = self._find(name)
            if account is None:
                self.shards.keys.reload()
            elif fields:
                handle = self.shards.keys.current.derive_handles_from_accounts([account])[0].name
                found.append(FoundAccount(name, handle, HeldAccount.parse(number, fields)))
        return found

    def _read_rest(self, name: bytes, cursor: int) -> dict[bytes, bytes]:
        """Reads the fields of a large account after its first page."""
        fields: dict[bytes, bytes] = {}
        while cursor:
            reply = self.shards.client.hscan(name, cursor, count=_FIELDS_PER_STEP)
            cursor, page = cast("tuple[int, dict[bytes, bytes]]", reply)
            fields |= page
        return fields
