"""Sets the rollback guard of a store up; rebuilds a lost one when the operator has said what happened."""

from dataclasses import dataclass

from redis import Redis

from privacy.errors import StoreError
from privacy.maintenance.rebuild_erasure_log import ErasureLogRebuild
from privacy.rollback.erasure_watermark import ErasureWatermark
from privacy.rollback.guard import RollbackGuard
from privacy.store.connect import translated
from privacy.store.keys import ledger_log_key


@dataclass(frozen=True)
class GuardRebuild:
    """How a lost guard was rebuilt.

    Args:
        was_restored: whether the store was restored from a backup since it last ran.
        erasures: the number of those that were listed; None if the list was whole.
        unknown_shards: the number of target shards from which nothing is released any more.
        target_shards: of the store.
    """

    was_restored: bool
    erasures: int | None
    unknown_shards: int
    target_shards: int

    def describe(self) -> str:
        """Returns what the operator must know of it, in sentences."""
        said = ["The rollback guard was rebuilt from the store."]
        if self.erasures is None:
            said.append("The list of erasures was whole.")
        else:
            said.append(f"Erasures that the store knows, and that are listed now: {self.erasures}.")
        if self.was_restored:
            said.append("Repeat the erasures, objections, opt-outs and bans since the backup.")
        if not self.unknown_shards:
            said.append("Releases continue.")
        elif self.unknown_shards == self.target_shards:
            said.append(
                "Nothing is released from this store any more: releases continue in a new store only."
            )
        else:
            said.append(
                f"Nothing is released any more from {self.unknown_shards} of its {self.target_shards} target "
                "shards: their releases continue in a new store only."
            )
        return " ".join([*said, "Leave --restored out from now on."])


@dataclass(frozen=True)
class GuardSetup:
    """Sets the rollback guard of one store up.

    The guard is created for a store that has never had one, and never again: a store whose guard is lost may
    be an old copy of itself, and nothing in it shows that.

    Args:
        client: the admin user's, of the private room.
        guard: the guard of the store.
        account_shards: number of account shards of the store.
    """

    client: Redis
    guard: RollbackGuard
    account_shards: int

    def run(self, was_restored: bool | None, now_ms: int) -> GuardRebuild | None:
        """Makes sure that the guard is there and whole.

        Args:
            was_restored: whether the store was restored from a backup since it last ran; None for no answer.
                A lost guard is rebuilt from the store. If that was restored, it lacks erasures and releases
                that no one knows: the erasures that it has are listed, and nothing is released from it any
                more.
            now_ms: the time.

        Returns:
            How a lost guard was rebuilt; None for one that was not lost.

        Raises:
            StoreError: the guard is lost and there is no answer, or it is another store's; or there is an
                answer, and it is whole.
            StoreBusyError: the store did not confirm. Do it again.
        """
        watermark = ErasureWatermark(self.client, self.guard.erasures)
        known = watermark.read()
        if known is None:
            self.guard.create()
            if self.guard.erasures.last_number() == 0:
                watermark.advance(0)
            return None
        self.guard.require_own()
        fault = self.guard.find_fault(known)
        if fault and was_restored is None:
            raise fault
        if fault is None and was_restored is not None:
            raise StoreError(
                f"--restored is the answer for a lost rollback guard, but {self.guard.folder} is whole: "
                "leave the option out"
            )
        if fault is None:
            return None
        return self._rebuild(watermark, known, now_ms, was_restored=bool(was_restored))

    def _rebuild(
        self, watermark: ErasureWatermark, known: int, now_ms: int, *, was_restored: bool
    ) -> GuardRebuild:
        listed = None
        if self.guard.find_erasure_fault(known):
            listed = ErasureLogRebuild(watermark, self.account_shards).run(now_ms)
        lost = self.guard.list_lost_shards()
        for shard in lost:
            self.guard.releases.rebuild(shard, None if was_restored else self._ledger_length(shard))
        unknown = len(lost) if was_restored else 0
        return GuardRebuild(was_restored, listed, unknown, self.guard.target_shards)

    def _ledger_length(self, shard: int) -> int:
        with translated():
            return int(self.client.llen(ledger_log_key(shard)))
