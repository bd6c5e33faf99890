"""The schedule: known ages, the epoch that runs at any moment, the step a day before."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privacy.errors import PolicyError
from privacy.model.timestamp import SECONDS_PER_DAY
from privacy.policy.file import load_policy
from privacy.policy.schedule import MAX_EPOCHS, Phase, Schedule

HOUR, DAY = 3600, SECONDS_PER_DAY
DEFAULT = load_policy().schedule


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    """Schedules of up to three phases, with steps that divide their phases or not."""
    untils = sorted(draw(st.sets(st.integers(1, 400), min_size=1, max_size=3)))
    return Schedule(tuple(Phase(draw(st.integers(1, 50)), until) for until in untils))


def test_the_default_schedule_has_the_documented_ages() -> None:
    """Hourly to 24 h, every 6 h to day 3, daily to day 30, weekly to day 182, monthly to day 365: T = 87."""
    ages = DEFAULT.due_ages_seconds
    assert DEFAULT.epochs == len(ages) == 87
    assert ages[:24] == tuple(range(HOUR, DAY + 1, HOUR))
    assert ages[24:32] == tuple(range(DAY + 6 * HOUR, 3 * DAY + 1, 6 * HOUR))
    assert ages[32:59] == tuple(range(4 * DAY, 30 * DAY + 1, DAY))
    assert ages[59:80] == tuple(range(37 * DAY, 177 * DAY + 1, 7 * DAY))
    assert ages[80:] == (*(207 * DAY + 30 * DAY * month for month in range(6)), 365 * DAY)


@given(schedule=schedules())
def test_ages_rise_and_end_with_the_last_phase(schedule: Schedule) -> None:
    """Ages rise, no step within a phase is longer than the phase's, and the last `until` is an age."""
    ages = (0, *schedule.due_ages_seconds)
    assert ages[-1] == schedule.phases[-1].until_seconds
    assert all(earlier < later for earlier, later in pairwise(ages))
    longest = max(phase.every_seconds for phase in schedule.phases)
    gaps = [later - earlier for earlier, later in pairwise(ages)]
    assert max(gaps) <= max(longest, schedule.phases[-1].until_seconds)


@given(schedule=schedules(), posted_at_ms=st.integers(0, 10**13), age_ms=st.integers(-500_000, 500_000))
def test_the_open_epoch_is_the_first_that_is_not_over(
    schedule: Schedule, posted_at_ms: int, age_ms: int
) -> None:
    """An epoch that ends exactly now is over; past the last one the target is sealed."""
    now_ms = posted_at_ms + age_ms
    epoch = schedule.first_open_epoch(posted_at_ms, now_ms)
    ends = [schedule.due_ms(posted_at_ms, number) for number in range(schedule.epochs)]
    not_over = [number for number, end in enumerate(ends) if end > now_ms]
    assert epoch == (not_over[0] if not_over else None)


@given(schedule=schedules(), posted_at_ms=st.integers(0, 10**13))
def test_epochs_end_at_whole_seconds(schedule: Schedule, posted_at_ms: int) -> None:
    """Within the second in which the target was posted, and never later than its age says."""
    for epoch, age_seconds in enumerate(schedule.due_ages_seconds):
        due_ms = schedule.due_ms(posted_at_ms, epoch)
        assert due_ms % 1000 == 0
        assert 0 <= posted_at_ms + 1000 * age_seconds - due_ms < 1000


@given(schedule=schedules())
def test_every_epoch_but_the_last_has_a_next_one(schedule: Schedule) -> None:
    """The next due time of an epoch is the end of the one after it."""
    for epoch in range(schedule.epochs - 1):
        assert schedule.next_due_ms(5, epoch) == schedule.due_ms(5, epoch + 1)
    assert schedule.next_due_ms(5, schedule.epochs - 1) is None


@pytest.mark.parametrize(
    ("epoch", "before"), [(0, None), (22, None), (23, -1), (24, 5), (31, 27), (32, 31), (58, 57), (59, 58)]
)
def test_the_step_a_day_before(epoch: int, before: int | None) -> None:
    """The change over a day refers to the latest epoch at least a day older; at 24 hours, to the posting."""
    assert DEFAULT.day_before(epoch) == before


def test_the_step_a_day_before_is_the_latest_one() -> None:
    """No later epoch than the one named is a day older."""
    ages = DEFAULT.due_ages_seconds
    for epoch in range(24, 87):
        before = DEFAULT.day_before(epoch)
        assert before is not None
        assert ages[before] <= ages[epoch] - DAY < ages[before + 1]


@pytest.mark.parametrize("value", [0, -1, True, 1.0, "1", 10**12])
def test_a_phase_takes_whole_positive_seconds(value: object) -> None:
    """Any other value is refused, and the message names the field."""
    with pytest.raises(PolicyError, match=r"schedule\.every_seconds: is"):
        Phase(value, 10)  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(PolicyError, match=r"schedule\.until_seconds: is"):
        Phase(10, value)  # type: ignore[arg-type]  # wrong on purpose


def test_phases_follow_each_other() -> None:
    """A schedule has a phase, and each one ends after the one before."""
    with pytest.raises(PolicyError, match="schedule: is empty"):
        Schedule(())
    for untils in ([2, 2], [3, 2]):
        with pytest.raises(PolicyError, match="each phase ends after"):
            Schedule(tuple(Phase(1, until) for until in untils))


def test_the_number_of_epochs_is_bounded() -> None:
    """A schedule that would take too long to certify is refused at once."""
    assert Schedule((Phase(1, MAX_EPOCHS),)).epochs == MAX_EPOCHS
    with pytest.raises(PolicyError, match="makes 31536000 epochs; at most 1000"):
        Schedule((Phase(1, 31_536_000),))
