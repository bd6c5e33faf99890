"""The intake door: what an event must pass before anything of it is written, and what is written then."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from privacy.errors import InvalidInputError, StoreError
from privacy.model.change import GAINED
from privacy.model.engagement import KINDS_A_TARGET, Kind, TargetType, Verdict
from privacy.vault.cells import CellCoder
from privacy.vault.event import CREATOR_EVENTS, EVENT_TYPES, Event
from privacy.vault.packed_entries import TOO_YOUNG
from privacy.vault.time_bounds import TimeBounds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from privacy.policy import Policy
    from privacy.policy_book import PolicyBook
    from privacy.vault.packed_entries import Entry

_NEW_POLICY = "a target is bound to the policy {}, enrolled after this process started"

Outcome = Verdict | InvalidInputError
"""What became of an event; an error is the verdict `invalid` with its reason."""


class KnownTarget(Protocol):
    """What the door asks of a registered target."""

    @property
    def number(self) -> int:
        """The number it was given."""

    @property
    def starts_at_ms(self) -> int:
        """Start of its schedule."""

    @property
    def policy_version(self) -> str:
        """The policy that it is bound to."""


class Targets(Protocol):
    """Finds registered targets: `privacy.tally.catalogue.Catalogue`."""

    def lookup(self, target_type: TargetType, target_ids: Iterable[str]) -> Mapping[str, KnownTarget]:
        """Find targets of one type; an id that is not registered is absent, others may be there."""


class Registers(Protocol):
    """Keeps what passed the door: `privacy.vault.vault.Vault`."""

    def record(self, entries: Sequence[Entry], now_ms: int, networks: Mapping[str, str]) -> Sequence[Verdict]:
        """Apply entries in their order and answer the verdict of each, once it is on disk."""


@dataclass(frozen=True)
class IntakeDoor:
    """Judges events by the policies and by the catalogue, and hands on what may be stored.

    The first of these that holds decides:

    1. an age band of `children.dropped_age_bands`: `dropped_child`. Nothing is stored, no pseudonym is made;
    2. a time outside the bounds of the intake: invalid;
    3. a target that is not registered: `unknown_target`;
    4. a kind that the target's policy does not count: invalid;
    5. a target past its last epoch: `late`;
    6. a profile value outside its domain: invalid. A private account's profile is not looked at.

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
        read = [event for event in events if isinstance(event, Event)]
        judge = self._judge(*self._known(read), now_ms)
        judged = [judge(event) if isinstance(event, Event) else event for event in events]
        entries = [passed for passed in judged if isinstance(passed, tuple)]
        recorded = self.registers.record(entries, now_ms, self._networks(read))
        if len(recorded) == len(judged):
            return list(recorded)
        verdicts = iter(recorded)
        return [next(verdicts) if isinstance(outcome, tuple) else outcome for outcome in judged]

    def _known(self, events: Sequence[Event]) -> tuple[Mapping[str, KnownTarget], Mapping[str, KnownTarget]]:
        """The videos and the creators that events name."""
        creators = {event.target_id for event in events if event.type in CREATOR_EVENTS}
        videos = {event.target_id for event in events if event.type not in CREATOR_EVENTS}
        return (
            self.targets.lookup(TargetType.VIDEO, videos),
            self.targets.lookup(TargetType.CREATOR, creators) if creators else {},
        )

    def _networks(self, events: Sequence[Event]) -> dict[str, str]:
        dropped = self.book.current.dropped_age_bands
        return {
            event.account_id: event.network
            for event in events
            if event.network is not None and event.profile.age_band not in dropped
        }

    def _judge(
        self, videos: Mapping[str, KnownTarget], creators: Mapping[str, KnownTarget], now_ms: int
    ) -> Callable[[Event], Entry | Outcome]:
        policy = self.book.current
        dropped, least_age_ms = policy.dropped_age_bands, 1000 * policy.integrity.least_account_age_seconds
        bounds = TimeBounds.at(now_ms, policy.intake)
        earliest_ms, latest_ms = bounds.earliest_ms, bounds.latest_ms
        rules, creator_events, event_types = self._rules_by_version, CREATOR_EVENTS, dict(EVENT_TYPES)

        def judge(event: Event) -> Entry | Outcome:  # noqa: PLR0911 - one return a rule, in their order
            if event.profile.age_band in dropped:
                return Verdict.DROPPED_CHILD
            at_ms = event.occurred_at_ms
            if not earliest_ms <= at_ms <= latest_ms:
                return bounds.fault("occurred_at", at_ms)
            event_type = event.type
            target = (creators if event_type in creator_events else videos).get(event.target_id)
            if target is None:
                return Verdict.UNKNOWN_TARGET
            bound = rules.get(target.policy_version)
            if bound is None:
                raise StoreError(_NEW_POLICY.format(target.policy_version))
            kind, change = event_types[event_type]
            sealed_after_ms = bound.sealed_after_ms.get(kind)
            if sealed_after_ms is None:
                return bound.uncounted(event)
            if now_ms - target.starts_at_ms >= sealed_after_ms:
                return Verdict.LATE
            try:
                code = bound.private_code if event.private else bound.coder.code(event)
            except InvalidInputError as error:
                return error
            created_ms = event.account_created_at_ms
            if created_ms is not None and change == GAINED and at_ms - created_ms < least_age_ms:
                change = TOO_YOUNG
            # `Series.number`, without making a Series for each event.
            return (event.account_id, target.number * KINDS_A_TARGET + kind, at_ms, change, code)

        return judge

    @cached_property
    def _rules_by_version(self) -> Mapping[str, _TargetRules]:
        return {version: _TargetRules.of(policy) for version, policy in self.book.versions.items()}


@dataclass(frozen=True, slots=True)
class _TargetRules:
    """What a target's own policy says of its events."""

    sealed_after_ms: Mapping[Kind, int]
    coder: CellCoder
    private_code: int

    @classmethod
    def of(cls, policy: Policy) -> _TargetRules:
        sealed_after_ms = {
            kind: 1000 * policy.schedule_of(kind).due_ages_seconds[-1] for kind in policy.budgets
        }
        return cls(sealed_after_ms, CellCoder(policy.domain), policy.domain.undisclosed_code)

    def uncounted(self, event: Event) -> InvalidInputError:
        """The fault of an event of a kind that is not counted."""
        counted = ", ".join(kind.label for kind in self.sealed_after_ms)
        return InvalidInputError(
            "type", f"is {event.type}", f"about a kind that the target's policy counts: {counted}"
        )
