"""Reads the stores of vault and tally, as no part of the product may."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Final, cast

import numpy as np
import redis

from privacy.model.engagement import KINDS_PER_TARGET
from privacy.model.timestamp import Clock
from privacy.policy.file import load_policy
from privacy.policy.integrity import Integrity
from privacy.policy.registry import PolicyRegistry
from privacy.store.header import StoreHeader
from privacy.store.keys import STORE_HEADER, outbox_key, register_prefix, tally_key
from privacy.vault.account_record import HeldRegister
from privacy.vault.limits import KnownLimits, put_limits_in_force
from privacy.vault.pseudonym import Pseudonymiser
from privacy.vault.registers import RegisterStore
from privacy.vault.shards import AccountShards, PseudonymKeys
from tests.support.redis_server import Store
from tests.support.reference_model import Register

PSEUDONYMISER: Final = Pseudonymiser(bytes(range(32)), bytes(range(32, 64)))
POLICY: Final = load_policy()
HEADER: Final = StoreHeader(STORE_HEADER, account_shards=3, target_shards=2, store_id="0" * 32)


def registry_of(
    flip_cap: int = POLICY.flip_cap,
    daily_cap: int = POLICY.daily_cap,
    integrity: Integrity = POLICY.integrity,
    monthly_cap: int | None = None,
) -> PolicyRegistry:
    """The shipped policy with other caps, and with its rules of integrity if no others are given."""
    policy = replace(
        POLICY, flip_cap=flip_cap, daily_cap=daily_cap, monthly_cap=monthly_cap, integrity=integrity
    )
    return PolicyRegistry(policy, {policy.version: policy})


def put_in_force(store: Store, registry: PolicyRegistry, header: StoreHeader = HEADER) -> None:
    """Put the limits of policies in force on an empty store, as `likewise init` does."""
    put_limits_in_force(store.admin, header.account_shards, registry.limits)


def shards_on(
    client: redis.Redis,
    registry: PolicyRegistry | None = None,
    header: StoreHeader = HEADER,
    virtual_clock: Clock | None = None,
) -> AccountShards:
    """The account shards of a store, under the tests' pseudonym keys; the shipped policy is the default."""
    keys, limits = PseudonymKeys(lambda: PSEUDONYMISER), KnownLimits(registry or registry_of(), client)
    return AccountShards(client, keys, header.account_shards, limits, virtual_clock)


def vault_on(
    store: Store,
    flip_cap: int,
    daily_cap: int,
    virtual_clock: Clock | None = None,
    client: redis.Redis | None = None,
    integrity: Integrity = POLICY.integrity,
    monthly_cap: int | None = None,
) -> RegisterStore:
    """A vault under the tests' pseudonym keys, whose limits are in force."""
    registry = registry_of(flip_cap, daily_cap, integrity, monthly_cap)
    put_in_force(store, registry)
    shards = shards_on(client or store.platform, registry, virtual_clock=virtual_clock)
    return RegisterStore(shards)


def account_key(account_id: str, header: StoreHeader = HEADER) -> bytes:
    """Name the hash of an account."""
    account = PSEUDONYMISER.pseudonymise(account_id)
    return register_prefix(account.shard(header.account_shards)).encode() + account.pseudonym


def raw(reply: object) -> bytes:
    """A reply that is bytes, as all replies of the tests' clients are."""
    assert isinstance(reply, bytes)
    return reply


def read_changes(
    root: redis.Redis, series: Iterable[int], header: StoreHeader = HEADER
) -> Counter[tuple[int, int]]:
    """Count each (series, change code) in the logs of the tally: what no release has counted yet."""
    numbers = list(series)
    pipeline = root.pipeline(transaction=False)
    for number in numbers:
        pipeline.lrange(log_key(number, header), 0, -1)
    changes: Counter[tuple[int, int]] = Counter()
    for number, elements in zip(numbers, pipeline.execute(), strict=True):
        changes.update((number, code) for code in np.frombuffer(join_changes(elements), "<u4").tolist())
    return changes


def join_changes(elements: Iterable[bytes]) -> bytes:
    """Return the changes of some elements of a log, 4 bytes each."""
    return b"".join([element[4:] for element in elements])


def read_log(root: redis.Redis, series: int, header: StoreHeader = HEADER) -> list[bytes]:
    """Return the elements of the log of a series."""
    return [raw(element) for element in root.lrange(log_key(series, header), 0, -1)]


def log_element(second: int, codes: Iterable[int]) -> bytes:
    """Write an element of a log."""
    return np.array([second, *codes], "<u4").tobytes()


def log_key(series: int, header: StoreHeader = HEADER) -> str:
    """Name the log of a series."""
    return tally_key(series // KINDS_PER_TARGET % header.target_shards, "log", series)


def read_registers(
    root: redis.Redis, accounts: Iterable[str], header: StoreHeader = HEADER
) -> dict[tuple[str, int], Register]:
    """All registers of some accounts, by account and series."""
    registers = {}
    names = list(accounts)
    reads = root.pipeline(transaction=False)
    for name in names:
        reads.hgetall(account_key(name, header))
    for name, fields in zip(names, reads.execute(), strict=True):
        for field, stored in fields.items():
            if field.isdigit():
                held = HeldRegister.parse(field, stored)
                registers[name, held.series.number] = Register(
                    held.at_ms, held.liked, held.block, held.flips, held.joint_code
                )
    return registers


def outbox_lengths(root: redis.Redis, header: StoreHeader = HEADER) -> list[int]:
    """Number of entries in each outbox."""
    reads = root.pipeline(transaction=False)
    for shard in range(header.account_shards):
        reads.xlen(outbox_key(shard))
    return cast("list[int]", reads.execute())
