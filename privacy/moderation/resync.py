"""The platform's own list of an account's engagements, made into what the vault compares with."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from privacy.catalogue.catalogue import Catalogue, Target
from privacy.errors import InvalidInputError
from privacy.intake.cells import CellCoder
from privacy.intake.event import EventAttributes
from privacy.intake.time_bounds import TimeBounds
from privacy.model.engagement import Kind, Series
from privacy.policy.registry import PolicyRegistry
from privacy.vault.resync import Resync


@dataclass(frozen=True)
class AccountSnapshot:
    """The list.

    Args:
        account_id: whose.
        kind: of all of them.
        as_of_ms: when it was right.
        profile: of the account, for what is new.
        private: whether the account hides who it is.
        engagements: target and beginning of each.
    """

    account_id: str
    kind: Kind
    as_of_ms: int
    profile: EventAttributes
    private: bool
    engagements: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class ResyncReport:
    """How the two differed; see `privacy.vault.resync.Resynced`.

    Args:
        added: taken in now.
        removed: out of the counts now.
        unchanged: both had them.
        newer: something newer than the list is known.
        over_cap: the account's day is full.
        closed: the account was erased, or objects.
        unknown_target: the target is not registered.
        past_last_release: the target is not counted any more.
    """

    added: int
    removed: int
    unchanged: int
    newer: int
    over_cap: int
    closed: int
    unknown_target: int
    past_last_release: int


@dataclass(frozen=True)
class ResyncService:
    """Repairs accounts.

    Args:
        book: the policies, for cells and schedules.
        targets: the catalogue.
        resync: of the vault.
    """

    book: PolicyRegistry
    targets: Catalogue
    resync: Resync

    def check(self, truth: AccountSnapshot, now_ms: int) -> None:
        """Check what can be said of a list without a look at the store.

        Raises:
            InvalidInputError: a time is out of bounds, or the account is a child's.
        """
        bounds = TimeBounds.at(now_ms, self.book.current.intake)
        bounds.check("as_of", truth.as_of_ms)
        for _, at_ms in truth.engagements:
            bounds.check("occurred_at", at_ms)
            if at_ms > truth.as_of_ms:
                raise InvalidInputError("occurred_at", "is after as_of", "a time up to as_of")
        if truth.profile.age_band in self.book.current.dropped_age_bands:
            raise InvalidInputError(
                "profile.age_band",
                "is a child's",
                "no child's engagements; POST /v1/rights/children erases them",
            )

    def run(self, truth: AccountSnapshot, now_ms: int) -> ResyncReport:
        """Repair; on disk when this returns. Doing it again changes nothing.

        Raises:
            InvalidInputError: a value of the profile is outside its domain; nothing was done.
            StoreBusyError: the store did not confirm. Do it again.
        """
        names = [target_id for target_id, _ in truth.engagements]
        known = self.targets.lookup(truth.kind.target_type, names)
        wanted: dict[int, int] = {}
        over: set[int] = set()
        counts: Counter[str] = Counter()
        for target_id, at_ms in truth.engagements:
            target = known.get(target_id)
            if target is None:
                counts["unknown_target"] += 1
                continue
            number = Series(target.number, truth.kind).number
            if self._is_open(target, truth.kind, now_ms):
                wanted[number] = self._code(target, truth, at_ms)
            else:
                over.add(number)
        resynced = self.resync.run(
            truth.account_id, truth.kind, wanted, truth.as_of_ms, now_ms, left_alone=frozenset(over)
        )
        return ResyncReport(
            added=resynced.added,
            removed=resynced.removed,
            unchanged=resynced.unchanged,
            newer=resynced.newer,
            over_cap=resynced.over_cap,
            closed=resynced.closed,
            unknown_target=counts["unknown_target"],
            past_last_release=len(over),
        )

    def _is_open(self, target: Target, kind: Kind, now_ms: int) -> bool:
        policy = self.book.versions[target.policy_version]
        if kind not in policy.budgets:
            return False
        return policy.schedule_of(kind).first_open_epoch(target.starts_at_ms, now_ms) is not None

    def _code(self, target: Target, truth: AccountSnapshot, at_ms: int) -> int:
        domain = self.book.versions[target.policy_version].domain
        if truth.private:
            return domain.undisclosed_code
        return CellCoder(domain).code(truth.profile, at_ms)
