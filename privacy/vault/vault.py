"""The vault: a register for each engagement, keyed by account, and every change in an outbox."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from struct import Struct
from types import MappingProxyType
from typing import TYPE_CHECKING

from privacy.model.change import CHANGE_BITS
from privacy.model.engagement import Verdict
from privacy.store.script import Argument, ScriptCall
from privacy.vault.shards import AccountShards, vault_script

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from privacy.model.integrity import Integrity
    from privacy.policy_book import PolicyBook
    from privacy.vault.pseudonym import Pseudonymiser

VERDICTS = (
    Verdict.COUNTED,
    Verdict.UNCOUNTED,
    Verdict.DUPLICATE,
    Verdict.LATE,
    Verdict.OVER_CAP,
    Verdict.CLOSED,
)
"""What `record.lua` answers, by position."""

Entry = tuple[str, int, int, int, int]
"""An event past the door: account id, series, occurred_at in ms, change, joint code.

A change is 0 for a like, `Reason.UNLIKED` or `Reason.CORRECTION` for its end, or `TOO_YOUNG`.
"""
TOO_YOUNG = 6
"""A like of an account that is too young to be counted."""

_EVENT = Struct("<16s8sQIQB")
_RECORD = vault_script("record.lua")
_NO_NETWORKS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Caps:
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
    def of(cls, book: PolicyBook) -> Caps:
        """Those of a store's policies."""
        return cls(book.flip_cap, book.daily_cap, book.current.integrity)


@dataclass(frozen=True)
class Vault:
    """Writes registers and outbox.

    Args:
        shards: of a user that may write them.
        caps: what bounds contributions.
    """

    shards: AccountShards
    caps: Caps

    def record(
        self, entries: Sequence[Entry], now_ms: int, networks: Mapping[str, str] = _NO_NETWORKS
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
        named = {entry[0] for entry in entries} if networks else ()
        networks = {account_id: name for account_id, name in networks.items() if account_id in named}

        def call(shard: int, _: object) -> ScriptCall:
            nonlocal batch
            if batch.keys is not self.shards.keys.current:  # rotated in between; shards stay
                batch = self._packed(entries)
            return self._call(shard, batch, now_ms, networks)

        verdicts = [Verdict.COUNTED] * len(entries)
        places = batch.places
        for shard, answer in self.shards.run(_RECORD, places, call).items():
            for place, code in zip(places[shard], answer, strict=True):
                if code:
                    verdicts[place] = VERDICTS[code]
        return verdicts

    def _packed(self, entries: Sequence[Entry]) -> _Packed:
        keys, count, pack = self.shards.keys.current, self.shards.count, _EVENT.pack
        batch = _Packed(keys)
        places, events, formers = batch.places, batch.events, batch.formers
        fields = keys.account_fields([entry[0] for entry in entries])
        for place, ((pseudonym, former, tombstone, spread), (_, series, at_ms, change, code)) in enumerate(
            zip(fields, entries, strict=True)
        ):
            shard = spread % count
            places[shard].append(place)
            events[shard].append(pack(pseudonym, tombstone, series, code << CHANGE_BITS, at_ms, change))
            if former:
                formers[shard].append(former)
        return batch

    def _call(self, shard: int, batch: _Packed, now_ms: int, networks: Mapping[str, str]) -> ScriptCall:
        caps = self.caps
        arguments: list[Argument] = [
            self.shards.prefix(shard),
            batch.keys.key_id,
            now_ms,
            caps.daily_cap,
            caps.flip_cap,
            caps.integrity.burst_likes,
            1000 * caps.integrity.burst_seconds,
            b"".join(batch.events[shard]),
            b"".join(batch.formers[shard]),
            self._networks(shard, networks),
        ]
        return ScriptCall(self.shards.script_keys(shard), arguments)

    def _networks(self, shard: int, networks: Mapping[str, str]) -> bytes:
        """Pseudonym and network of the accounts of a shard that name one."""
        keys = self.shards.keys.current
        return b"".join(
            account.pseudonym + keys.network(name)
            for account, name in zip(keys.accounts([*networks]), networks.values(), strict=True)
            if account.shard(self.shards.count) == shard
        )


@dataclass(frozen=True)
class _Packed:
    """Entries as `record.lua` takes them, by shard.

    Args:
        keys: under which they are.
        places: of each shard's entries among all.
        events: packed, one by one.
        formers: former pseudonyms of their accounts, while a rotation is under way.
    """

    keys: Pseudonymiser
    places: defaultdict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    events: defaultdict[int, list[bytes]] = field(default_factory=lambda: defaultdict(list))
    formers: defaultdict[int, list[bytes]] = field(default_factory=lambda: defaultdict(list))
