"""The vault: a register for each engagement, keyed by account, and every change in an outbox."""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import TYPE_CHECKING

from privacy.model.engagement import Verdict
from privacy.store.connect import translated
from privacy.store.keys import outbox_key, register_prefix
from privacy.store.script import Script, ScriptCall

if TYPE_CHECKING:
    from collections.abc import Sequence

    from redis import Redis

    from privacy.vault.pseudonym import Pseudonymiser

VERDICTS = (Verdict.COUNTED, Verdict.UNCOUNTED, Verdict.DUPLICATE, Verdict.LATE, Verdict.OVER_CAP)
"""What `record.lua` answers, by position."""

Entry = tuple[str, int, int, int, int]
"""An event past the door: account id, series, occurred_at in ms, change (0 or a reason), joint code."""

_EVENT = Struct("<16sQQBI")
_MS_A_DAY = 86_400_000
_RECORD = Script.packaged("privacy.vault", "record.lua")


@dataclass(frozen=True)
class Vault:
    """Writes registers and outbox.

    Args:
        client: connection with the platform plane's credentials.
        pseudonymise: from account id to pseudonym.
        account_shards: number of account shards of this store.
        flip_cap: w, counted flips of one engagement over its whole life.
        daily_cap: M, newly counted engagements of one account on one UTC day.
    """

    client: Redis
    pseudonymise: Pseudonymiser
    account_shards: int
    flip_cap: int
    daily_cap: int

    def record(self, entries: Sequence[Entry], now_ms: int) -> list[Verdict]:
        """Apply events in their order; on disk when this returns.

        Repeating a call changes nothing: every event that took effect is a duplicate the second time.

        Args:
            entries: events past the door.
            now_ms: the time, for the daily cap.

        Returns:
            The verdict of each entry, in order.

        Raises:
            StoreBusyError: the store did not confirm; some shards may have applied their part. Send again.
        """
        packed: list[list[bytes]] = [[] for _ in range(self.account_shards)]
        places: list[list[int]] = [[] for _ in range(self.account_shards)]
        pseudonymise, pack = self.pseudonymise, _EVENT.pack
        for place, (account_id, series, at_ms, change, joint_code) in enumerate(entries):
            pseudonym = pseudonymise(account_id)
            shard = account_shard(pseudonym, self.account_shards)
            packed[shard].append(pack(pseudonym, series, at_ms, change, joint_code))
            places[shard].append(place)
        busy = [shard for shard in range(self.account_shards) if packed[shard]]
        caps = (now_ms // _MS_A_DAY, self.daily_cap, self.flip_cap)
        calls = [
            ScriptCall([outbox_key(shard)], [register_prefix(shard), *caps, b"".join(packed[shard])])
            for shard in busy
        ]
        with translated():
            answers = _RECORD.run_all(self.client, calls)
        verdicts = [Verdict.COUNTED] * len(entries)
        for shard, answer in zip(busy, answers, strict=True):
            for place, code in zip(places[shard], answer, strict=True):
                if code:
                    verdicts[place] = VERDICTS[code]
        return verdicts


def account_shard(pseudonym: bytes, account_shards: int) -> int:
    """The shard that holds an account's registers."""
    return (pseudonym[0] << 8 | pseudonym[1]) % account_shards
