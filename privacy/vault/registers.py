"""Records events: a register for each engagement, keyed by account, and every change in an outbox."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from privacy.model.engagement import Verdict
from privacy.vault.entries import AdmittedEvent, AdmittedEvents, ShardEvents
from privacy.vault.pseudonym import Pseudonymiser
from privacy.vault.shards import AccountShards, ScriptArguments, vault_script

VERDICTS = (
    Verdict.COUNTED,
    Verdict.UNCOUNTED,
    Verdict.DUPLICATE,
    Verdict.LATE,
    Verdict.OVER_CAP,
    Verdict.ACCOUNT_CLOSED,
)
"""The results of `record.lua`, by position."""

_RECORD = vault_script("audiences.lua", "record.lua")
_NO_NETWORKS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class RegisterStore:
    """Writes registers and outbox.

    Args:
        shards: their client must have an ACL user that may write registers.
    """

    shards: AccountShards

    def record(
        self,
        events: Sequence[AdmittedEvent],
        now_ms: int,
        networks: Mapping[str, str] = _NO_NETWORKS,
        *,
        imported: bool = False,
    ) -> list[Verdict]:
        """Applies a few events in their order; otherwise as `record_columns`."""
        return self.record_columns(AdmittedEvents.from_events(events), now_ms, networks, imported=imported)

    def record_columns(
        self,
        events: AdmittedEvents,
        now_ms: int,
        networks: Mapping[str, str] = _NO_NETWORKS,
        *,
        imported: bool = False,
    ) -> list[Verdict]:
        """Applies events in their order; on disk when this returns.

        Repeating a call changes nothing: every event that took effect is a duplicate the second time.

        Args:
            events: events past admission.
            now_ms: the time, for the caps and for restrictions.
            networks: name of the network from which an account acted, by account id.
            imported: they happened before the account was first admitted otherwise: the caps go by the
                day on which each happened. A like of an earlier day than one that was imported is late.

        Returns:
            The verdict of each event, in order.

        Raises:
            StoreBusyError: the store did not confirm; some shards may have applied their part. Send again.
            StoreError: the store is under other limits than this process's.
        """
        packed_under = self.shards.keys.current
        packed = events.pack(packed_under, self.shards.count)
        named = set(events.account_ids) if networks else ()
        networks = {account_id: name for account_id, name in networks.items() if account_id in named}

        def arguments(shard: int, _: ShardEvents, keys: Pseudonymiser) -> ScriptArguments:
            nonlocal packed, packed_under
            if keys is not packed_under:  # rotated in between; an account keeps its shard
                packed, packed_under = events.pack(keys, self.shards.count), keys
            return {
                "now_ms": now_ms,
                **packed[shard].arguments,
                "imported": imported,
                **({"journals": []} if imported else {}),  # who liked of old is in no audience of today
                "networks": self._pack_networks(shard, networks, keys),
            }

        codes = np.zeros(len(events), np.uint8)
        for shard, reply in self.shards.run(_RECORD, packed, arguments).items():
            codes[packed[shard].rows] = np.frombuffer(reply, np.uint8)
        return [VERDICTS[code] for code in codes.tolist()]

    def _pack_networks(self, shard: int, networks: Mapping[str, str], keys: Pseudonymiser) -> bytes:
        """Packs pseudonym and network of the accounts of a shard that name one."""
        if not networks:
            return b""
        return b"".join(
            account.pseudonym + keys.hash_network(name)
            for account, name in zip(keys.pseudonymise_all([*networks]), networks.values(), strict=True)
            if account.shard(self.shards.count) == shard
        )
