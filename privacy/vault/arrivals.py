"""Tells whether events are arriving, without looking at any of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from privacy.store.connect import translated
from privacy.store.keys import outbox_key
from privacy.store.script import Script, ScriptCall

if TYPE_CHECKING:
    from redis import Redis

_ARRIVALS = Script.packaged("privacy.vault", "arrivals.lua")


@dataclass(frozen=True)
class Arrivals:
    """Counts what was ever written to the outboxes.

    Args:
        client: of a user that may ask.
        account_shards: of this store.
    """

    client: Redis
    account_shards: int

    def __call__(self) -> int:
        """How many entries there have been. Events that change no count leave none.

        Raises:
            StoreBusyError: the store did not answer.
        """
        calls = [ScriptCall([outbox_key(shard)], []) for shard in range(self.account_shards)]
        with translated():
            return sum(map(int, _ARRIVALS.run_all(self.client, calls)))
