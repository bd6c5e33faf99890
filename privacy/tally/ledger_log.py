"""The ledger as the tally keeps it: where its entries were written, in one step with what they are about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from privacy.store.connect import translated
from privacy.store.keys import tally_key

if TYPE_CHECKING:
    from redis import Redis


@dataclass(frozen=True)
class LedgerLog:
    """Reads the entries, and nothing else of the tally.

    Args:
        client: connection with the notary's credentials.
    """

    client: Redis

    def entries(self, shard: int, start: int, limit: int) -> list[bytes]:
        """At most `limit` entries of a shard from a sequence number on.

        Raises:
            StoreBusyError: the store did not answer.
        """
        with translated():
            found = self.client.lrange(tally_key(shard, "ledger"), start, start + limit - 1)
        return cast("list[bytes]", found)
