"""The intake door: what an event must pass before anything of it is written, and what is written then."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from privacy.errors import InvalidInputError, StoreError
from privacy.model.engagement import KINDS_A_TARGET, Verdict
from privacy.vault.cells import CellCoder
from privacy.vault.event import EVENT_TYPES, Event
from privacy.vault.time_bounds import TimeBounds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from privacy.policy import Policy
    from privacy.policy_book import PolicyBook
    from privacy.vault.vault import Entry

Outcome = Verdict | InvalidInputError
"""What became of an event; an error is the verdict `invalid` with its reason."""


class KnownTarget(Protocol):
    """What the door asks of a registered video."""

    @property
    def number(self) -> int:
        """The number it was given."""

    @property
    def posted_at_ms(self) -> int:
        """Start of its schedule."""

    @property
    def policy_version(self) -> str:
        """The policy that it is bound to."""


class Targets(Protocol):
    """Finds registered videos: `privacy.tally.catalogue.Catalogue`."""

    def lookup(self, video_ids: Iterable[str]) -> Mapping[str, KnownTarget]:
        """Find targets; an id that is not registered is absent."""


class Registers(Protocol):
    """Keeps what passed the door: `privacy.vault.vault.Vault`."""

    def record(self, entries: Sequence[Entry], now_ms: int) -> Sequence[Verdict]:
        """Apply entries in their order and answer the verdict of each, once it is on disk."""


@dataclass(frozen=True)
class IntakeDoor:
    """Judges events by the policies and by the catalogue, and hands on what may be stored.

    The first of these that holds decides:

    1. an age band of `children.dropped_age_bands`: `dropped_child`. Nothing is stored, no pseudonym is made;
    2. a time outside the bounds of the intake: invalid;
    3. a video that is not registered: `unknown_target`;
    4. a video past its last epoch: `late`;
    5. a profile value outside its domain: invalid. A private account's profile is not looked at.

    Args:
        book: the current policy says which children and which times; each target's own, domain and schedule.
        targets: the catalogue.
        registers: the vault.
    """

    book: PolicyBook
    targets: Targets
    registers: Registers

    def admit(self, events: Sequence[Event | InvalidInputError], now_ms: int) -> list[Outcome]:
        """Judge a batch and store what passes; on disk when this returns.

        Args:
            events: in the order in which they take effect; what is no event keeps its place.
            now_ms: when the batch arrived.

        Returns:
            What became of each, in order.

        Raises:
            StoreBusyError: the store did not confirm. Send the batch again: what took effect is a duplicate.
            StoreError: a target is bound to a policy enrolled after this process started; nothing was stored.
        """
        known = self.targets.lookup([event.video_id for event in events if isinstance(event, Event)])
        judge = self._judge(known, now_ms)
        judged = [judge(event) if isinstance(event, Event) else event for event in events]
        entries = [passed for passed in judged if isinstance(passed, tuple)]
        verdicts = iter(self.registers.record(entries, now_ms))
        return [next(verdicts) if isinstance(outcome, tuple) else outcome for outcome in judged]

    def _judge(self, known: Mapping[str, KnownTarget], now_ms: int) -> Callable[[Event], Entry | Outcome]:
        dropped = self.book.current.dropped_age_bands
        bounds = TimeBounds.at(now_ms, self.book.current.intake)
        earliest_ms, latest_ms = bounds.earliest_ms, bounds.latest_ms
        rules = {version: self._rules(version) for version in {t.policy_version for t in known.values()}}

        def judge(event: Event) -> Entry | Outcome:
            if event.profile.age_band in dropped:
                return Verdict.DROPPED_CHILD
            if not earliest_ms <= event.occurred_at_ms <= latest_ms:
                return bounds.fault("occurred_at", event.occurred_at_ms)
            target = known.get(event.video_id)
            if target is None:
                return Verdict.UNKNOWN_TARGET
            bound = rules[target.policy_version]
            if now_ms - target.posted_at_ms >= bound.sealed_after_ms:
                return Verdict.LATE
            try:
                code = bound.private_code if event.private else bound.coder.code(event)
            except InvalidInputError as error:
                return error
            kind, change = EVENT_TYPES[event.type]
            # `Series.number`, without making a Series for each event.
            series = target.number * KINDS_A_TARGET + kind
            return (event.account_id, series, event.occurred_at_ms, change, code)

        return judge

    def _rules(self, version: str) -> _TargetRules:
        try:
            return self._rules_by_version[version]
        except KeyError:
            raise StoreError(
                f"a target is bound to the policy {version}, enrolled after this process started"
            ) from None

    @cached_property
    def _rules_by_version(self) -> Mapping[str, _TargetRules]:
        return {version: _TargetRules.of(policy) for version, policy in self.book.versions.items()}


@dataclass(frozen=True, slots=True)
class _TargetRules:
    """What a target's own policy says of its events."""

    sealed_after_ms: int
    coder: CellCoder
    private_code: int

    @classmethod
    def of(cls, policy: Policy) -> _TargetRules:
        sealed_after_ms = 1000 * policy.schedule.due_ages_seconds[-1]
        return cls(sealed_after_ms, CellCoder(policy.domain), policy.domain.undisclosed_code)
