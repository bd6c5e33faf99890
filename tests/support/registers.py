"""Looks into the stores of vault and tally, as no part of the product may."""

from __future__ import annotations

import struct
from collections import Counter
from typing import TYPE_CHECKING, Final

import numpy as np

from privacy.model.engagement import KINDS_A_TARGET
from privacy.store.header import StoreHeader
from privacy.store.keys import STORE_HEADER, outbox_key, register_prefix, tally_key
from privacy.vault.pseudonym import Pseudonymiser
from privacy.vault.vault import account_shard
from tests.support.reference_model import Register

if TYPE_CHECKING:
    from collections.abc import Iterable

    import redis

PSEUDONYMISE: Final = Pseudonymiser(b"the pseudonym key of all tests..")
HEADER: Final = StoreHeader(STORE_HEADER, account_shards=3, target_shards=2, store_id="0" * 32)


def raw(reply: object) -> bytes:
    """A reply that is bytes, as all replies of the tests' clients are."""
    assert isinstance(reply, bytes)
    return reply


def read_changes(
    root: redis.Redis, series: Iterable[int], header: StoreHeader = HEADER
) -> Counter[tuple[int, int]]:
    """How often each (series, change code) stands in the logs of the tally."""
    changes: Counter[tuple[int, int]] = Counter()
    for number in series:
        log = raw(root.get(log_key(number, header)) or b"")
        changes.update((number, code) for code in np.frombuffer(log, "<u4").tolist())
    return changes


def log_key(series: int, header: StoreHeader = HEADER) -> str:
    """Name the log of a series."""
    return tally_key(series // KINDS_A_TARGET % header.target_shards, "log", series)


def read_registers(
    root: redis.Redis, accounts: Iterable[str], header: StoreHeader = HEADER
) -> dict[tuple[str, int], Register]:
    """All registers of some accounts, by account and series."""
    registers = {}
    for account in accounts:
        pseudonym = PSEUDONYMISE(account)
        prefix = register_prefix(account_shard(pseudonym, header.account_shards)).encode()
        for field, stored in root.hgetall(prefix + pseudonym).items():
            if field != b"d":
                at_ms = int.from_bytes(raw(stored)[:6], "little")
                flags, cell = struct.unpack("<BI", raw(stored)[6:])
                registers[account, int(field)] = Register(at_ms, flags % 16, flags // 16, cell)
    return registers


def outbox_lengths(root: redis.Redis, header: StoreHeader = HEADER) -> list[int]:
    """Number of entries in each outbox."""
    return [root.xlen(outbox_key(shard)) for shard in range(header.account_shards)]
