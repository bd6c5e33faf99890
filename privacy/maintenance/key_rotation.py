"""Rotates the outer pseudonym key of a whole store: put it in force, move accounts until none is left."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from privacy.maintenance.throttle import Throttle
from privacy.store.connect import translated
from privacy.vault.key_rotation import Rekeying
from privacy.vault.pseudonym import PSEUDONYM_BYTES
from privacy.vault.shards import AccountShards

ACCOUNTS_PER_STEP = 1_000
"""Accounts that one atomic step moves: some ms."""

_NAME = re.compile(rb"v:\{a(\d+)\}:r(\d+):(.{%d})" % PSEUDONYM_BYTES, re.DOTALL)


@dataclass(frozen=True)
class KeyRotation:
    """One rotation. It may be killed at any moment and run again: it goes on where it stopped.

    Args:
        shards: with the new key and the former one; of a user that may scan and rename accounts.
        throttle: of this process.
    """

    shards: AccountShards
    throttle: Throttle

    def run(self, on_moved: Callable[[int], None]) -> int:
        """Move every account to its new pseudonym.

        Args:
            on_moved: told how many accounts were just moved.

        Returns:
            How many were moved. Nothing is kept under the former key any more.

        Raises:
            StoreBusyError: the store did not confirm. Run it again.
        """
        rekeying = Rekeying(self.shards)
        # From here on every process writes under the new key, so no account joins those that are scanned for.
        for shard in range(self.shards.count):
            rekeying.put_in_force(shard)
        moved = 0
        while found := self._former():
            for shard, pseudonyms in found.items():
                for first in range(0, len(pseudonyms), ACCOUNTS_PER_STEP):
                    with self.throttle.slice():
                        count = rekeying.move(shard, pseudonyms[first : first + ACCOUNTS_PER_STEP])
                    on_moved(count)
                    moved += count
        return moved

    def _former(self) -> dict[int, list[bytes]]:
        """The pseudonyms that are still in use under the former key, by shard."""
        found: dict[int, list[bytes]] = {}
        former_generation = self.shards.keys.current.generation - 1
        for name in self._names():
            match = _NAME.fullmatch(name)
            if match and int(match[2]) == former_generation:
                found.setdefault(int(match[1]), []).append(match[3])
        return found

    def _names(self) -> Iterator[bytes]:
        with translated():
            yield from self.shards.client.scan_iter(match="v:{a*}:r*:*", count=ACCOUNTS_PER_STEP)
