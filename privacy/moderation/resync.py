"""Repairs an account's engagements from a snapshot: the platform's own list of them."""

from dataclasses import dataclass, replace

from privacy.catalogue.catalogue import Catalogue, Target
from privacy.errors import InvalidInputError
from privacy.intake.cells import CellCoder
from privacy.intake.event import EventAttributes
from privacy.intake.profile_values import DroppedBands
from privacy.intake.time_bounds import TimeBounds
from privacy.model.engagement import Kind, Series
from privacy.policy.registry import PolicyRegistry
from privacy.vault.resync import Resync, ResyncReport


@dataclass(frozen=True)
class AccountSnapshot:
    """The platform's list of an account's engagements of one kind.

    Args:
        account_id: of the account.
        kind: of the engagements.
        as_of_ms: the time of the list.
        profile: attributes of the account, for engagements that are added.
        private: whether the account is private, so that added engagements are in no breakdown.
        engagements: target id and start, in ms since 1970 UTC, of each engagement.
    """

    account_id: str
    kind: Kind
    as_of_ms: int
    profile: EventAttributes
    private: bool
    engagements: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class ResyncService:
    """Repairs accounts from snapshots.

    Args:
        registry: the policies, for cells and schedules.
        targets: the catalogue.
        resync: compares a snapshot with the vault, and repairs the difference.
    """

    registry: PolicyRegistry
    targets: Catalogue
    resync: Resync

    def check(self, snapshot: AccountSnapshot, now_ms: int) -> None:
        """Check a snapshot as far as that is possible without the store.

        Raises:
            InvalidInputError: a time is out of bounds, or the profile is a child's.
        """
        bounds = TimeBounds.at(now_ms, self.registry.current.intake)
        bounds.check("as_of", snapshot.as_of_ms)
        for _, at_ms in snapshot.engagements:
            bounds.check("occurred_at", at_ms)
            if at_ms > snapshot.as_of_ms:
                raise InvalidInputError("occurred_at", "is after as_of", "a time up to as_of")
        if DroppedBands(self.registry.current.dropped_age_bands)[snapshot.profile.age_band]:
            raise InvalidInputError(
                "profile.age_band",
                "is a child's",
                "no child's engagements; POST /v1/rights/children erases them",
            )

    def run(self, snapshot: AccountSnapshot, now_ms: int) -> ResyncReport:
        """Repair an account; the result is on disk when this returns. Repeating it changes nothing.

        Raises:
            InvalidInputError: the age band could be a child's. Nothing was changed.
            StoreBusyError: the store did not confirm. Repeat.
            StoreError: the policies of this process are not the newest ones. Nothing was changed.
        """
        names = [target_id for target_id, _ in snapshot.engagements]
        known = self.targets.lookup(snapshot.kind.target_type, names)
        codes: dict[int, int] = {}
        slices: dict[int, int] = {}
        sealed: set[int] = set()
        unknown = 0
        for target_id, at_ms in snapshot.engagements:
            target = known.get(target_id)
            if target is None:
                unknown += 1
                continue
            number = Series(target.number, snapshot.kind).number
            if self._is_open(target, snapshot.kind, now_ms):
                codes[number] = self._encode_cell(target, snapshot, at_ms)
                slices[number] = target.slice_seconds if snapshot.kind is Kind.LIKE else 0
            else:
                sealed.add(number)
        # A list from ahead of our clock would make everything until then `late`.
        as_of_ms = min(snapshot.as_of_ms, now_ms)
        report = self.resync.run(
            snapshot.account_id, snapshot.kind, codes, as_of_ms, now_ms, frozenset(sealed), slices
        )
        return replace(report, unknown_target=unknown, past_last_release=len(sealed))

    def _is_open(self, target: Target, kind: Kind, now_ms: int) -> bool:
        policy = self.registry.policy_of(target.policy_version)
        if kind not in policy.budgets:
            return False
        return policy.schedule_of(kind).first_open_epoch(target.starts_at_ms, now_ms) is not None

    def _encode_cell(self, target: Target, snapshot: AccountSnapshot, at_ms: int) -> int:
        policy = self.registry.policy_of(target.policy_version)
        if snapshot.private:
            return policy.domain.undisclosed_code
        return CellCoder(policy.domain, policy.dropped_age_bands).code(snapshot.profile, at_ms)
