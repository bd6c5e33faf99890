"""The vault: a register for each engagement, keyed by account, and every change in an outbox."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from privacy.model.engagement import Verdict
from privacy.policy.integrity import Integrity
from privacy.policy.registry import PolicyRegistry
from privacy.store.script import Argument, ScriptCall
from privacy.vault.entries import AdmittedEvent, EntryColumns, PackedEntries
from privacy.vault.shards import AccountShards, vault_script

VERDICTS = (
    Verdict.COUNTED,
    Verdict.UNCOUNTED,
    Verdict.DUPLICATE,
    Verdict.LATE,
    Verdict.OVER_CAP,
    Verdict.CLOSED,
)
"""What `record.lua` answers, by position."""

_RECORD = vault_script("record.lua")
_NO_NETWORKS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class ContributionCaps:
    """What bounds the contribution of an account and of an engagement.

    Args:
        flip_cap: w, counted flips of one engagement over its whole life.
        daily_cap: M, newly counted engagements of one account on one UTC day.
        integrity: what makes a like inauthentic by itself.
    """

    flip_cap: int
    daily_cap: int
    integrity: Integrity

    @classmethod
    def of(cls, registry: PolicyRegistry) -> ContributionCaps:
        """Those of a store's policies."""
        return cls(registry.flip_cap, registry.daily_cap, registry.current.integrity)


@dataclass(frozen=True)
class RegisterStore:
    """Writes registers and outbox.

    Args:
        shards: of a user that may write them.
        caps: what bounds contributions.
    """

    shards: AccountShards
    caps: ContributionCaps

    def record(
        self, entries: Sequence[AdmittedEvent], now_ms: int, networks: Mapping[str, str] = _NO_NETWORKS
    ) -> list[Verdict]:
        """Apply a few events in their order; otherwise as `record_columns`."""
        return self.record_columns(EntryColumns.of(entries), now_ms, networks)

    def record_columns(
        self, entries: EntryColumns, now_ms: int, networks: Mapping[str, str] = _NO_NETWORKS
    ) -> list[Verdict]:
        """Apply events in their order; on disk when this returns.

        Repeating a call changes nothing: every event that took effect is a duplicate the second time.

        Args:
            entries: events past the door.
            now_ms: the time, for the daily cap and for restrictions.
            networks: name of the network from which an account acted, by account id.

        Returns:
            The verdict of each entry, in order.

        Raises:
            StoreBusyError: the store did not confirm; some shards may have applied their part. Send again.
        """
        batch = self._packed(entries)
        named = set(entries.account_ids) if networks else ()
        networks = {account_id: name for account_id, name in networks.items() if account_id in named}

        def call(shard: int, _: object) -> ScriptCall:
            nonlocal batch
            if batch.keys is not self.shards.keys.current:  # rotated in between; shards stay
                batch = self._packed(entries)
            return self._call(shard, batch, now_ms, networks)

        codes = np.zeros(len(entries), np.uint8)
        places = batch.places
        for shard, answer in self.shards.run(_RECORD, places, call).items():
            codes[places[shard]] = np.frombuffer(answer, np.uint8)
        return [VERDICTS[code] for code in codes.tolist()]

    def _packed(self, entries: EntryColumns) -> PackedEntries:
        return PackedEntries.of(entries, self.shards.keys.current, self.shards.count)

    def _call(self, shard: int, batch: PackedEntries, now_ms: int, networks: Mapping[str, str]) -> ScriptCall:
        caps = self.caps
        arguments: list[Argument] = [
            self.shards.prefix(shard),
            batch.keys.key_id,
            now_ms,
            caps.daily_cap,
            caps.flip_cap,
            caps.integrity.burst_likes,
            1000 * caps.integrity.burst_seconds,
            *batch.shards[shard],
            self._networks(shard, networks),
        ]
        return ScriptCall(self.shards.script_keys(shard), arguments)

    def _networks(self, shard: int, networks: Mapping[str, str]) -> bytes:
        """Pseudonym and network of the accounts of a shard that name one."""
        if not networks:
            return b""
        keys = self.shards.keys.current
        return b"".join(
            account.pseudonym + keys.network(name)
            for account, name in zip(keys.accounts([*networks]), networks.values(), strict=True)
            if account.shard(self.shards.count) == shard
        )
