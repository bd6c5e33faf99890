"""Admission by columns: a batch gets the outcomes of its events one by one, and those of the rules."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import cycle, islice
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from privacy.catalogue.catalogue import Catalogue, Target
from privacy.errors import InvalidInputError, StoreError
from privacy.intake.admission import AdmissionControl
from privacy.intake.event import EVENT_TYPES, PROFILE_FIELDS, Event, EventAttributes
from privacy.intake.event_columns import EventColumns
from privacy.model.change import GAINED
from privacy.model.dimension import HOUR_OF_DAY, UNDISCLOSED, JointDomain
from privacy.model.engagement import Kind, Series, TargetType, Verdict
from privacy.model.timestamp import format_timestamp, parse_timestamp_ms
from privacy.policy.policy import Policy
from privacy.policy.registry import PolicyRegistry
from privacy.vault.entries import TOO_YOUNG, AdmittedEvent, AdmittedEvents
from privacy.vault.registers import VERDICTS, RegisterStore
from tests.support.first_policy import FIRST_POLICY
from tests.support.profiles import examples

NOW_MS = parse_timestamp_ms("2026-05-03T14:07:31Z")
POLICY = FIRST_POLICY
FIRST_MS = POLICY.intake.earliest_occurred_at_ms
LAST_MS = NOW_MS + 1000 * POLICY.intake.future_tolerance_seconds
AGE_MS = 1000 * POLICY.integrity.least_account_age_seconds
LIFE_MS = 1000 * POLICY.schedule.due_ages_seconds[-1]


def _smaller(policy: Policy) -> Policy:
    """A policy that counts likes alone, by region and hour."""
    names = ("region", HOUR_OF_DAY)
    likes = policy.budgets[Kind.LIKE]
    breakdowns = {name: likes.breakdowns[name] for name in names}
    rho = likes.total + (likes.removals or 0) + likes.reserve + sum(breakdowns.values())
    domain = JointDomain(
        tuple(dimension for dimension in policy.domain.dimensions if dimension.name in names)
    )
    budgets = {Kind.LIKE: replace(likes, rho=rho, breakdowns=breakdowns)}
    return replace(policy, version="smaller", domain=domain, budgets=budgets)


POLICIES = {POLICY.version: POLICY, "smaller": _smaller(POLICY)}
TARGETS = {
    (TargetType.VIDEO, "video"): Target(7, NOW_MS - 1, POLICY.version),
    (TargetType.VIDEO, "likes only"): Target(8, NOW_MS - 1, "smaller"),
    (TargetType.VIDEO, "sealed"): Target(9, NOW_MS - LIFE_MS, POLICY.version),
    (TargetType.VIDEO, "open"): Target(10, NOW_MS - LIFE_MS + 1000, POLICY.version),
    (TargetType.CREATOR, "creator"): Target(11, NOW_MS - 1, POLICY.version),
    (TargetType.CREATOR, "likes only"): Target(12, NOW_MS - 1, "smaller"),
}
FOREIGN = {(TargetType.VIDEO, "foreign"): Target(13, NOW_MS - LIFE_MS, "newer")}

_VALUES: dict[str, list[Any]] = {
    "age_band": ["25-34", "35-44", "under-13", "Under 13", "99", "8-12", None],
    "gender": ["female", "Female"],
    "region": ["DE", "JP", "Atlantis", "uk"],
    "language": ["de", "ja", "Klingon", "pt-BR"],
    "device": ["ios", "undisclosed"],
}
READ = {
    "99": UNDISCLOSED,
    "Female": "female",
    "Atlantis": "other",
    "uk": "GB",
    "Klingon": "other",
    "pt-BR": "pt",
    "undisclosed": UNDISCLOSED,
    None: UNDISCLOSED,
    UNSET: UNDISCLOSED,
}
"""The cells of values that the policy does not list."""
CHILDREN = ("under-13", "Under 13")
_PROFILES = st.builds(
    EventAttributes,
    **{name: st.just(UNSET) | st.sampled_from(values[:2] * 3 + values) for name, values in _VALUES.items()},
)
_ERRORS = st.builds(
    InvalidInputError, st.sampled_from(["type", "event"]), st.just("is wrong"), st.just("right")
)


def events(target_ids: Sequence[str]) -> st.SearchStrategy[Event]:
    """Events about these targets: most are valid, and those that break a rule often break several."""
    return st.builds(
        Event,
        st.sampled_from(tuple(EVENT_TYPES)),
        st.sampled_from(["ada", "bo", "cy"]),
        st.sampled_from(target_ids),
        st.sampled_from([FIRST_MS - 1, FIRST_MS, *[LAST_MS] * 5, LAST_MS + 1])
        | st.integers(FIRST_MS, LAST_MS),
        st.sampled_from([EventAttributes(), EventAttributes(region="DE")]) | _PROFILES,
        st.booleans(),
        st.sampled_from([None, FIRST_MS, LAST_MS, LAST_MS - AGE_MS, LAST_MS - AGE_MS, LAST_MS - AGE_MS + 1]),
        st.none() | st.sampled_from(["n-1", "n-2"]),
    )


_KNOWN = sorted({target_id for _, target_id in TARGETS})
BATCHES = st.lists(events([*_KNOWN, "unknown"]) | _ERRORS, max_size=12)


@dataclass
class FakeRegisters:
    """Records its arguments; its verdicts show the order of the events."""

    entries: list[AdmittedEvent] = field(default_factory=list)
    networks: dict[str, str] = field(default_factory=dict)

    def record_columns(
        self, entries: AdmittedEvents, now_ms: int, networks: Mapping[str, str], *, imported: bool
    ) -> Sequence[Verdict]:
        """Record the events, and return the next verdicts of a fixed cycle."""
        assert now_ms == NOW_MS
        assert not imported
        columns = (entries.series, entries.at_ms, entries.changes, entries.codes)
        before = len(self.entries)
        self.entries.extend(zip(entries.account_ids, *(column.tolist() for column in columns), strict=True))
        self.networks.update(networks)
        return list(islice(cycle(VERDICTS), before, len(self.entries)))


@dataclass(frozen=True)
class FakeCatalogue:
    """Targets in memory."""

    targets: Mapping[tuple[TargetType, str], Target]

    def lookup(self, target_type: TargetType, target_ids: Iterable[str]) -> Mapping[str, Target]:
        """Find targets."""
        known = self.targets
        return {name: known[target_type, name] for name in target_ids if (target_type, name) in known}


def admission(registers: FakeRegisters, targets: Mapping[tuple[TargetType, str], Target]) -> AdmissionControl:
    """Admission control for these targets."""
    policies = PolicyRegistry(POLICY, POLICIES)
    return AdmissionControl(
        policies, cast("Catalogue", FakeCatalogue(targets)), cast("RegisterStore", registers)
    )


def comparable(outcomes: Iterable[object]) -> list[object]:
    """Replace errors by their members."""
    return [
        (outcome.field, outcome.message, outcome.expected)
        if isinstance(outcome, InvalidInputError)
        else outcome
        for outcome in outcomes
    ]


def by_the_rules(event: Event) -> Verdict | InvalidInputError | AdmittedEvent:  # noqa: PLR0911 - one a rule
    """Apply the documented rules to one event, one after the other."""
    effect, profile, at_ms = EVENT_TYPES[event.type], event.profile, event.occurred_at_ms
    if profile.age_band in CHILDREN:
        return Verdict.DROPPED_CHILD
    if at_ms < FIRST_MS or at_ms > LAST_MS:
        message = "is too early" if at_ms < FIRST_MS else "is in the future"
        rule = f"a time from {format_timestamp(FIRST_MS)} to {format_timestamp(LAST_MS)}"
        return InvalidInputError("occurred_at", message, rule)
    at_ms = min(at_ms, NOW_MS)
    target = TARGETS.get((effect.kind.target_type, event.target_id))
    if target is None:
        return Verdict.UNKNOWN_TARGET
    policy = POLICIES[target.policy_version]
    if effect.kind not in policy.budgets:
        counted = ", ".join(kind.label for kind in policy.budgets)
        rule = f"an event of a kind that the target's policy counts: {counted}"
        return InvalidInputError("type", f"is {event.type}", rule)
    if policy.schedule_of(effect.kind).first_open_epoch(target.starts_at_ms, NOW_MS) is None:
        return Verdict.LATE
    code = policy.domain.undisclosed_code
    if not event.private:
        said = {name: getattr(profile, name) for name in PROFILE_FIELDS}
        declared = {dimension.name: dimension.values for dimension in policy.domain.dimensions}
        if said["age_band"] == "8-12" and "age_band" in declared:
            rule = f"one of {', '.join(declared['age_band'])}, or absent"
            return InvalidInputError("profile.age_band", "is '8-12', which could be a child's", rule)
        cells = {name: READ.get(value, value) for name, value in said.items()}
        code = policy.domain.code(cells | {HOUR_OF_DAY: format_timestamp(at_ms)[11:13]})
    change, created_ms = effect.change, event.account_created_at_ms
    if change == GAINED and created_ms is not None and at_ms - created_ms < AGE_MS:
        change = TOO_YOUNG
    return (event.account_id, Series(target.number, effect.kind).number, at_ms, change, code)


@settings(max_examples=examples(200, 5_000))
@given(batch=BATCHES)
def test_a_batch_is_admitted_by_the_rules(batch: list[Event | InvalidInputError]) -> None:
    """The rules alone decide which events of a batch are stored and which outcomes they get."""
    judged = [item if isinstance(item, InvalidInputError) else by_the_rules(item) for item in batch]
    verdicts = cycle(VERDICTS)
    expected = [next(verdicts) if isinstance(outcome, tuple) else outcome for outcome in judged]
    registers = FakeRegisters()
    outcomes = admission(registers, TARGETS).admit(EventColumns.from_events(batch), NOW_MS)
    assert comparable(outcomes) == comparable(expected)
    assert registers.entries == [outcome for outcome in judged if isinstance(outcome, tuple)]


@settings(max_examples=examples(200, 5_000))
@given(batch=BATCHES)
def test_a_batch_is_admitted_like_its_events_one_by_one(batch: list[Event | InvalidInputError]) -> None:
    """No event of a batch changes the outcome of another one."""
    together, alone = FakeRegisters(), FakeRegisters()
    outcomes = admission(together, TARGETS).admit(EventColumns.from_events(batch), NOW_MS)
    singly = [admission(alone, TARGETS).admit(EventColumns.from_events([item]), NOW_MS) for item in batch]
    assert comparable(outcomes) == comparable(outcome for (outcome,) in singly)
    assert together == alone


@given(batch=st.lists(events(["video", "foreign"]), max_size=6))
def test_an_unknown_policy_stops_a_batch_only_where_it_decides(batch: list[Event]) -> None:
    """A target of an unknown policy stores nothing of a batch, unless an earlier rule decides its events."""
    registers = FakeRegisters()
    decides = any(
        event.target_id == "foreign"
        and EVENT_TYPES[event.type].kind.target_type is TargetType.VIDEO
        and event.profile.age_band not in CHILDREN
        and FIRST_MS <= event.occurred_at_ms <= LAST_MS
        for event in batch
    )
    admit = admission(registers, TARGETS | FOREIGN).admit
    if decides:
        with pytest.raises(StoreError, match="bound to the policy newer"):
            admit(EventColumns.from_events(batch), NOW_MS)
        assert registers == FakeRegisters()
    else:
        assert len(admit(EventColumns.from_events(batch), NOW_MS)) == len(batch)


@given(batch=BATCHES)
def test_columns_convert_back_to_the_same_items(batch: list[Event | InvalidInputError]) -> None:
    """Events and errors come out of their columns as they went in, each at its index."""
    assert EventColumns.from_events(batch).to_events() == batch
