"""Rotates the outer pseudonym key of a store: puts the new key in force, then moves every account to it."""

from collections.abc import Callable
from dataclasses import dataclass

from privacy.maintenance.throttle import Throttle
from privacy.vault.key_rotation import ShardKeyRotation
from privacy.vault.scan import AccountScan
from privacy.vault.shards import AccountShards

ACCOUNTS_PER_STEP = 1_000
"""Accounts that one atomic step moves, which takes some ms."""


@dataclass(frozen=True)
class KeyRotation:
    """A key rotation. It may be killed at any time; run again, it continues where it stopped.

    Args:
        shards: with the new key and the previous one. Its client must have the ACL user `rekeyer`.
        throttle: of this process.
    """

    shards: AccountShards
    throttle: Throttle

    def run(self, on_moved: Callable[[int], None]) -> int:
        """Move every account to its new pseudonym.

        Args:
            on_moved: called with the number of accounts that were just moved.

        Returns:
            The number of accounts that were moved. Nothing is stored under the previous key any more.

        Raises:
            StoreBusyError: the store did not confirm. Run the rotation again.
        """
        rotation = ShardKeyRotation(self.shards)
        # From here on every process writes under the new key, so no account is added to the previous ones.
        for shard in range(self.shards.count):
            rotation.put_in_force(shard)
        moved = 0
        while found := self._find_remaining():
            for shard, pseudonyms in found.items():
                for first in range(0, len(pseudonyms), ACCOUNTS_PER_STEP):
                    with self.throttle.slice():
                        count = rotation.move_accounts(shard, pseudonyms[first : first + ACCOUNTS_PER_STEP])
                    on_moved(count)
                    moved += count
        for shard in range(self.shards.count):
            rotation.end(shard)
        return moved

    def _find_remaining(self) -> dict[int, list[bytes]]:
        """Return, by shard, the pseudonyms that are still in use under the previous key."""
        found: dict[int, list[bytes]] = {}
        previous_generation = self.shards.keys.current.generation - 1
        for names in AccountScan(self.shards).scan_names(ACCOUNTS_PER_STEP):
            for name in names:
                if name.generation == previous_generation:
                    found.setdefault(name.shard, []).append(name.pseudonym)
        return found
