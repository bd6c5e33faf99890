"""Reads the ledger as the release worker writes it, for those who sign it or continue it."""

from dataclasses import dataclass
from typing import cast

from redis import Redis

from privacy.store.connect import translated
from privacy.store.keys import tally_key


@dataclass(frozen=True)
class LedgerLog:
    """Reads ledger entries, and nothing else of the tally.

    Args:
        client: must have the signer or the release ACL user.
    """

    client: Redis

    def read_entries(self, shard: int, start: int, limit: int) -> list[bytes]:
        """Return at most `limit` entries of a shard from a sequence number on.

        Raises:
            StoreBusyError: the store did not answer.
        """
        with translated():
            found = self.client.lrange(tally_key(shard, "ledger"), start, start + limit - 1)
        return cast("list[bytes]", found)
