"""Admission control: what is stored, what is not, and which outcome each event gets."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

import pytest

from privacy.catalogue.catalogue import Catalogue, Target
from privacy.errors import InvalidInputError, StoreError
from privacy.intake.admission import NOW, AdmissionControl
from privacy.intake.event import Event, EventAttributes
from privacy.intake.event_columns import EventColumns
from privacy.intake.taken import Taken, Takings
from privacy.model.change import GAINED
from privacy.model.dimension import JointDomain
from privacy.model.engagement import Kind, Reason, Series, TargetType, Verdict
from privacy.model.timestamp import MS_PER_DAY, MS_PER_HOUR, parse_timestamp_ms
from privacy.policy.policy import Policy
from privacy.policy.registry import PolicyRegistry
from privacy.vault.entries import TOO_YOUNG, AdmittedEvent, AdmittedEvents
from privacy.vault.registers import RegisterStore
from tests.support.first_policy import FIRST_POLICY

POLICY = FIRST_POLICY
NOW_MS = parse_timestamp_ms("2026-05-03T14:07:31Z")
TARGET = Target(7, NOW_MS - MS_PER_HOUR, POLICY.version)
CREATOR = Target(9, NOW_MS - MS_PER_HOUR, POLICY.version)
PROFILE = EventAttributes(age_band="25-34", gender="female", region="DE", language="de", device="ios")
LIKE = Event("like", "account", "video", NOW_MS, PROFILE, private=False)


def event(**changes: object) -> Event:
    """The usual like, with changes."""
    values = {name: getattr(LIKE, name) for name in Event.__struct_fields__}
    return Event(**(values | changes))


@dataclass
class FakeRegisters:
    """Records its arguments and returns verdicts from a list."""

    verdicts: Sequence[Verdict] | None = None
    entries: list[AdmittedEvent] = field(default_factory=list)
    networks: dict[str, str] = field(default_factory=dict)
    slices: list[int] = field(default_factory=list)

    def record_columns(
        self,
        entries: AdmittedEvents,
        now_ms: int,  # noqa: ARG002 - the store's interface
        networks: Mapping[str, str],
        *,
        imported: bool,  # noqa: ARG002 - the store's interface
    ) -> Sequence[Verdict]:
        """Record the events and the networks."""
        self.networks.update(networks)
        columns = (entries.series, entries.at_ms, entries.changes, entries.codes)
        rows = zip(entries.account_ids, *(column.tolist() for column in columns), strict=True)
        self.entries.extend(rows)
        self.slices.extend(entries.slices.tolist())
        return [Verdict.COUNTED] * len(entries) if self.verdicts is None else self.verdicts


@dataclass
class FakeCatalogue:
    """A catalogue in memory."""

    targets: Mapping[tuple[TargetType, str], Target]

    def lookup(self, target_type: TargetType, target_ids: Iterable[str]) -> Mapping[str, Target]:
        """Find targets."""
        known = self.targets
        return {name: known[target_type, name] for name in target_ids if (target_type, name) in known}


def admission(
    registers: FakeRegisters,
    target: Target = TARGET,
    policy: Policy = POLICY,
    policies: Sequence[Policy] | None = None,
) -> AdmissionControl:
    """Admission control for one registered video and one creator."""
    known = policies if policies is not None else [policy]
    registry = PolicyRegistry(policy, {one.version: one for one in known})
    catalogue = FakeCatalogue({(TargetType.VIDEO, "video"): target, (TargetType.CREATOR, "creator"): CREATOR})
    return AdmissionControl(registry, cast("Catalogue", catalogue), cast("RegisterStore", registers))


def declaring(*names: str) -> Policy:
    """The packaged policy with some of its dimensions only."""
    dimensions = tuple(dimension for dimension in POLICY.domain.dimensions if dimension.name in names)
    budgets = {}
    for kind, budget in POLICY.budgets.items():
        breakdowns = {name: budget.breakdowns[name] for name in names}
        rho = budget.total + (budget.removals or 0) + budget.reserve + sum(breakdowns.values())
        budgets[kind] = replace(budget, rho=rho, breakdowns=breakdowns)
    return replace(POLICY, domain=JointDomain(dimensions), budgets=budgets)


def test_a_like_becomes_an_admitted_event() -> None:
    """An event that passes becomes account, series number, time, change and joint cell."""
    registers = FakeRegisters()
    assert admission(registers).admit(EventColumns.from_events([LIKE]), NOW_MS) == [Verdict.COUNTED]
    cells = {
        "age_band": "25-34",
        "gender": "female",
        "region": "DE",
        "language": "de",
        "device": "ios",
        "hour_of_day": "14",
    }
    number = Series(7, Kind.LIKE).number
    assert registers.entries == [("account", number, NOW_MS, GAINED, POLICY.domain.code(cells))]


def test_likes_alone_count_in_audiences() -> None:
    """Of a video that counts in any; a favourite of it, and a like of a video that does not, are in none."""
    registers = FakeRegisters()
    likes = [event(), event(type="favorite")]
    admission(registers, replace(TARGET, slice_seconds=86_400)).admit(EventColumns.from_events(likes), NOW_MS)
    admission(registers).admit(EventColumns.from_events([LIKE]), NOW_MS)
    assert registers.slices == [86_400, 0, 0]


def test_an_unlike_carries_its_reason() -> None:
    """An unlike is a change with the reason `unliked`."""
    registers = FakeRegisters()
    admission(registers).admit(EventColumns.from_events([event(type="unlike")]), NOW_MS)
    assert registers.entries[0][3] == Reason.UNLIKED


def test_absent_profile_values_are_undisclosed() -> None:
    """Without a profile only the hour is known."""
    registers = FakeRegisters()
    admission(registers).admit(EventColumns.from_events([event(profile=EventAttributes())]), NOW_MS)
    assert registers.entries[0][4] == POLICY.domain.code({"hour_of_day": "14"})


@pytest.mark.parametrize("hour", range(24))
def test_the_hour_of_day_is_that_of_occurred_at_in_utc(hour: int) -> None:
    """Each hour of UTC has its own cell."""
    registers = FakeRegisters()
    at_ms = NOW_MS - MS_PER_DAY - NOW_MS % MS_PER_DAY + hour * MS_PER_HOUR + 3_599_999
    admission(registers).admit(
        EventColumns.from_events([event(occurred_at_ms=at_ms, profile=EventAttributes())]), NOW_MS
    )
    assert registers.entries[0][4] == POLICY.domain.code({"hour_of_day": f"{hour:02d}"})


def test_a_private_account_is_undisclosed_in_every_breakdown() -> None:
    """Not even the hour of a private account's event is kept, and its profile is not checked."""
    registers = FakeRegisters()
    private = [event(private=True), event(private=True, profile=EventAttributes(region="Atlantis"))]
    assert admission(registers).admit(EventColumns.from_events(private), NOW_MS) == [Verdict.COUNTED] * 2
    assert [entry[4] for entry in registers.entries] == [POLICY.domain.undisclosed_code] * 2


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"private": True},
        {"target_id": "unknown"},
        {"type": "unlike"},
        {"occurred_at_ms": NOW_MS + MS_PER_DAY},
    ],
)
def test_events_of_children_leave_no_trace(changes: dict[str, object]) -> None:
    """An event of a child is dropped, whatever else is true of it, and it never reaches the vault."""
    registers = FakeRegisters()
    child = event(profile=EventAttributes(age_band="under-13", region="Atlantis"), **changes)
    assert admission(registers).admit(EventColumns.from_events([child]), NOW_MS) == [Verdict.DROPPED_CHILD]
    assert registers.entries == []


def test_an_unknown_video_is_reported() -> None:
    """An event about a video that is not registered is not stored."""
    registers = FakeRegisters()
    assert admission(registers).admit(EventColumns.from_events([event(target_id="other")]), NOW_MS) == [
        Verdict.UNKNOWN_TARGET
    ]
    assert registers.entries == []


@pytest.mark.parametrize("before_end_ms", [-1, 0, 1, 999, 1000])
def test_a_video_past_its_last_epoch_takes_no_events(before_end_ms: int) -> None:
    """A target is sealed as soon as its schedule has no open epoch: at the whole second."""
    registers = FakeRegisters()
    posted_at_ms = NOW_MS - 1000 * POLICY.schedule.due_ages_seconds[-1] + before_end_ms
    sealed = POLICY.schedule.first_open_epoch(posted_at_ms, NOW_MS) is None
    assert sealed == (before_end_ms < 1000)
    verdict = admission(registers, Target(7, posted_at_ms, POLICY.version)).admit(
        EventColumns.from_events([LIKE]), NOW_MS
    )
    assert verdict == [Verdict.LATE if sealed else Verdict.COUNTED]
    assert len(registers.entries) == (not sealed)


def test_times_must_lie_within_the_bounds_of_the_intake() -> None:
    """The first and the last accepted moment pass; one millisecond beyond either is invalid."""
    first, last = (
        POLICY.intake.earliest_occurred_at_ms,
        NOW_MS + 1000 * POLICY.intake.future_tolerance_seconds,
    )
    registers = FakeRegisters()
    times = (first - 1, first, last, last + 1)
    outcomes = admission(registers).admit(
        EventColumns.from_events([event(occurred_at_ms=at) for at in times]), NOW_MS
    )
    assert outcomes[1:3] == [Verdict.COUNTED] * 2
    for outcome, fault in ((outcomes[0], "is too early"), (outcomes[3], "is in the future")):
        assert isinstance(outcome, InvalidInputError)
        assert (outcome.field, outcome.message) == ("occurred_at", fault)
        assert outcome.expected == "a time from 2016-09-01T00:00:00Z to 2026-05-03T14:12:31Z"


@pytest.mark.parametrize(
    ("name", "value", "cell"),
    [
        ("region", "FI", "other"),
        ("region", "UK", "GB"),
        ("language", "pt-BR", "pt"),
        ("device", "Android", "android"),
        ("gender", "non-binary", "other"),
        ("age_band", "30-39", "undisclosed"),
    ],
)
def test_values_that_are_not_listed_are_taken_and_said(name: str, value: str, cell: str) -> None:
    """The event is counted, in the cell that the value can only mean, or else in `other` or `undisclosed`."""
    registers, takings = FakeRegisters(), Takings()
    events = [event(profile=EventAttributes(**{name: value})), event(account_id="b")]
    outcomes = admission(registers).admit(EventColumns.from_events(events), NOW_MS, takings)
    assert outcomes == [Verdict.COUNTED] * 2
    assert registers.entries[0][4] == POLICY.domain.code({name: cell, "hour_of_day": "14"})
    assert takings == {Taken(f"profile.{name}", cell): 1}


def test_nothing_is_said_of_what_is_spelled_as_listed_or_not_stored() -> None:
    """Counted are events that pass, of public accounts."""
    takings = Takings()
    odd = EventAttributes(region="FI")
    events = [LIKE, event(profile=odd, private=True), event(profile=odd, target_id="unknown")]
    admission(FakeRegisters()).admit(EventColumns.from_events(events), NOW_MS, takings)
    assert not takings


@pytest.mark.parametrize("value", ["8-12", "12", "under-18", "<25", "child", "adult", "10+"])
def test_an_age_band_that_could_be_a_childs_is_refused(value: str) -> None:
    """Nothing is stored of it; the answer names the field, the value and what is declared."""
    registers = FakeRegisters()
    (outcome,) = admission(registers).admit(
        EventColumns.from_events([event(profile=EventAttributes(age_band=value))]), NOW_MS
    )
    assert isinstance(outcome, InvalidInputError)
    assert (outcome.field, outcome.message) == (
        "profile.age_band",
        f"is {value!r}, which could be a child's",
    )
    declared = next(dimension for dimension in POLICY.domain.dimensions if dimension.name == "age_band")
    assert outcome.expected == f"one of {', '.join(declared.values)}, or absent"
    assert registers.entries == []


@pytest.mark.parametrize("band", ["Under-13", "under 13", "UNDER_13", "\uff55nder\u201313"])
def test_a_childs_band_is_known_in_any_spelling(band: str) -> None:
    """Case, width and separators make no difference where a child would be counted."""
    registers = FakeRegisters()
    child = event(profile=EventAttributes(age_band=band), private=True, network="n")
    assert admission(registers).admit(EventColumns.from_events([child]), NOW_MS) == [Verdict.DROPPED_CHILD]
    assert (registers.entries, registers.networks) == ([], {})


def test_a_time_ahead_of_ours_is_taken_as_now() -> None:
    """So the end of an engagement takes effect though the phone that began it was ahead."""
    registers, takings = FakeRegisters(), Takings()
    ahead = [event(occurred_at_ms=NOW_MS + 290_000), event(type="unlike", occurred_at_ms=NOW_MS + 10_000)]
    admission(registers).admit(EventColumns.from_events(ahead), NOW_MS, takings)
    assert [entry[2] for entry in registers.entries] == [NOW_MS] * 2
    assert takings == {Taken("occurred_at", NOW): 2}


def test_undeclared_dimensions_are_ignored() -> None:
    """A policy without languages, devices and hours takes any and codes none."""
    policy = declaring("age_band", "gender", "region")
    registers = FakeRegisters()
    said = EventAttributes(
        age_band="25-34", gender="female", region="DE", language="Klingon", device="toaster"
    )
    assert admission(registers, policy=policy).admit(
        EventColumns.from_events([event(profile=said)]), NOW_MS
    ) == [Verdict.COUNTED]
    assert registers.entries[0][4] == policy.domain.code(
        {"age_band": "25-34", "gender": "female", "region": "DE"}
    )


def test_a_target_follows_the_policy_it_is_bound_to() -> None:
    """The domain of a target's own version codes its events, not that of a newer one."""
    older = replace(declaring("region"), version="older")
    registers = FakeRegisters()
    target = Target(7, NOW_MS - 1, "older")
    admission(registers, target, policies=[POLICY, older]).admit(EventColumns.from_events([LIKE]), NOW_MS)
    assert registers.entries[0][4] == older.domain.code({"region": "DE"})


def test_a_target_of_an_unknown_policy_stops_the_batch() -> None:
    """Nothing is stored by rules that this process does not know."""
    registers = FakeRegisters()
    with pytest.raises(StoreError, match="bound to the policy older"):
        admission(registers, Target(7, NOW_MS, "older")).admit(EventColumns.from_events([LIKE]), NOW_MS)
    assert registers.entries == []


def test_verdicts_keep_the_indices_of_their_events() -> None:
    """Each event gets its own verdict, and the order of those that pass is kept."""
    unreadable = InvalidInputError("event", "is not JSON", "JSON")
    registers = FakeRegisters([Verdict.DUPLICATE, Verdict.UNCOUNTED])
    batch: list[Event | InvalidInputError] = [
        unreadable,
        event(account_id="a"),
        event(target_id="other"),
        event(account_id="b", type="unlike"),
    ]
    assert admission(registers).admit(EventColumns.from_events(batch), NOW_MS) == [
        unreadable,
        Verdict.DUPLICATE,
        Verdict.UNKNOWN_TARGET,
        Verdict.UNCOUNTED,
    ]
    assert [entry[0] for entry in registers.entries] == ["a", "b"]


@pytest.mark.parametrize(
    ("event_type", "target_id", "series"),
    [
        ("favorite", "video", Series(7, Kind.FAVORITE)),
        ("unfavorite", "video", Series(7, Kind.FAVORITE)),
        ("follow", "creator", Series(9, Kind.FOLLOW)),
        ("unfollow", "creator", Series(9, Kind.FOLLOW)),
    ],
)
def test_each_kind_has_its_series(event_type: str, target_id: str, series: Series) -> None:
    """Favourites are of videos and follows of creators; each is a series of its own."""
    registers = FakeRegisters()
    assert admission(registers).admit(
        EventColumns.from_events([event(type=event_type, target_id=target_id)]), NOW_MS
    ) == [Verdict.COUNTED]
    assert registers.entries[0][1] == series.number


def test_a_creator_is_not_a_video() -> None:
    """A follow of a video's id and a like of a creator's id meet nothing."""
    events = [event(type="follow", target_id="video"), event(target_id="creator")]
    assert (
        admission(FakeRegisters()).admit(EventColumns.from_events(events), NOW_MS)
        == [Verdict.UNKNOWN_TARGET] * 2
    )


def test_a_kind_that_the_policy_does_not_count_is_invalid() -> None:
    """The message names the type, and the expected value the kinds that are counted."""
    policy = replace(POLICY, budgets={Kind.LIKE: POLICY.budgets[Kind.LIKE]})
    (outcome,) = admission(FakeRegisters(), policy=policy).admit(
        EventColumns.from_events([event(type="favorite")]), NOW_MS
    )
    assert isinstance(outcome, InvalidInputError)
    assert (outcome.field, outcome.message) == ("type", "is favorite")
    assert outcome.expected.endswith("counts: like")


@pytest.mark.parametrize(("age_seconds", "too_young"), [(599, True), (600, False), (-1, True)])
def test_likes_of_young_accounts_are_marked(age_seconds: int, *, too_young: bool) -> None:
    """A like of an account younger than the least age is kept out of the counts; an unlike is not."""
    registers = FakeRegisters()
    created_ms = NOW_MS - 1000 * age_seconds
    events = [event(account_created_at_ms=created_ms), event(type="unlike", account_created_at_ms=created_ms)]
    admission(registers).admit(EventColumns.from_events(events), NOW_MS)
    assert [entry[3] for entry in registers.entries] == [TOO_YOUNG if too_young else GAINED, Reason.UNLIKED]


def test_networks_are_passed_on_except_those_of_children() -> None:
    """The network of an account goes to the vault; a child's goes nowhere."""
    registers = FakeRegisters()
    child = EventAttributes(age_band="under-13")
    events = [
        event(network="n-1"),
        event(account_id="child", network="n-2", profile=child),
        event(account_id="b"),
    ]
    admission(registers).admit(EventColumns.from_events(events), NOW_MS)
    assert registers.networks == {"account": "n-1"}
