"""The vault: a register for each engagement, keyed by account, and every change in an outbox."""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from types import MappingProxyType
from typing import TYPE_CHECKING

from privacy.model.engagement import Verdict
from privacy.store.script import Argument, ScriptCall
from privacy.vault.shards import AccountShards, vault_script

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from privacy.model.integrity import Integrity
    from privacy.policy_book import PolicyBook

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

_EVENT = Struct("<16s8sQQBI")
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
        accounts = self.shards.keys.current.accounts([entry[0] for entry in entries])
        places: dict[int, list[int]] = {}
        for place, account in enumerate(accounts):
            places.setdefault(account.spread % self.shards.count, []).append(place)

        def call(shard: int, shard_places: list[int]) -> ScriptCall:
            return self._call(shard, [entries[place] for place in shard_places], now_ms, networks)

        verdicts = [Verdict.COUNTED] * len(entries)
        for shard, answer in self.shards.run(_RECORD, places, call).items():
            for place, code in zip(places[shard], answer, strict=True):
                if code:
                    verdicts[place] = VERDICTS[code]
        return verdicts

    def _call(
        self, shard: int, entries: Sequence[Entry], now_ms: int, networks: Mapping[str, str]
    ) -> ScriptCall:
        keys, caps, pack = self.shards.keys.current, self.caps, _EVENT.pack
        accounts = keys.accounts([entry[0] for entry in entries])
        named = {entry[0]: account.pseudonym for entry, account in zip(entries, accounts, strict=True)}
        arguments: list[Argument] = [
            self.shards.prefix(shard),
            keys.key_id,
            now_ms,
            caps.daily_cap,
            caps.flip_cap,
            caps.integrity.burst_likes,
            1000 * caps.integrity.burst_seconds,
            b"".join(
                [
                    pack(account.pseudonym, account.tombstone, series, at_ms, change, code)
                    for account, (_, series, at_ms, change, code) in zip(accounts, entries, strict=True)
                ]
            ),
            b"".join([account.former for account in accounts]),
            b"".join(
                named[account_id] + keys.network(name)
                for account_id, name in networks.items()
                if account_id in named
            ),
        ]
        return ScriptCall(self.shards.script_keys(shard), arguments)
