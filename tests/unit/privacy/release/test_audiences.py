"""Releases of audiences: counts, gate, documents, and the same work for everybody."""

from dataclasses import replace
from math import ceil

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from privacy.audit.recorded_entropy import RecordedEntropy
from privacy.mechanism.audience_accounting import AudienceCalibration
from privacy.mechanism.discrete_gaussian import DiscreteGaussian
from privacy.model.audience import period_start_ms
from privacy.model.documents import AudienceDocument
from privacy.release.audiences import make_audience_releases
from tests.support.audience_releases import (
    BLOCK,
    CREATOR_BLOCK,
    CREATOR_WEEK,
    HASHTAG_DAY,
    PERIOD,
    PLATFORM_DAY,
    POLICY,
    TAKEN_OUT,
    Members,
    due_audience,
)
from tests.support.profiles import entropy_of

COUNTED = 0
ANNA = {"age_band": "18-24", "gender": "female", "device": "ios", "region": "DE", "hour_of_day": "07"}
BEN = {"age_band": "45-54", "gender": "male", "device": "web", "region": "US", "hour_of_day": "23"}


@pytest.fixture
def _no_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    def zero(_: DiscreteGaussian, count: int) -> NDArray[np.int64]:
        return np.zeros(count, np.int64)

    monkeypatch.setattr(DiscreteGaussian, "noise", zero)


def document_of(members: Members, calibration: AudienceCalibration) -> AudienceDocument:
    """The document of one audience."""
    due = due_audience(calibration, members)
    (release,) = make_audience_releases([due], calibration, entropy_of("audiences"))
    return release.document


@pytest.mark.usefixtures("_no_noise")
def test_accounts_count_in_the_cells_of_each_breakdown() -> None:
    """Once in the total and once in each breakdown, also of two dimensions; who is taken out, no more."""
    members = [(ANNA, COUNTED, 7_000), (BEN, COUNTED, 9_000), (ANNA, TAKEN_OUT, 1_000)]
    shown = document_of(members, PLATFORM_DAY)
    assert shown.total is not None
    assert shown.total[0] == 15_000
    cells = {
        name: {cell: figure[0] for cell, figure in breakdown.cells.items() if figure}
        for name, breakdown in shown.breakdowns.items()
    }
    assert cells == {
        "age_band": {"18-24": 6_000, "45-54": 9_000},
        "gender": {"female": 6_000, "male": 9_000},
        "region": {"DE": 6_000, "US": 9_000},
        "language": {"undisclosed": 15_000},
        "device": {"ios": 6_000, "web": 9_000},
        "hour_of_day": {"07": 6_000, "23": 9_000},
        "age_gender": {"18-24/female": 6_000, "45-54/male": 9_000},
    }


@pytest.mark.usefixtures("_no_noise")
def test_an_account_that_opted_out_is_undisclosed_everywhere() -> None:
    """Whatever the policy's dimensions are."""
    due = due_audience(CREATOR_BLOCK, [])
    hidden = replace(due, log=np.full(500, ((1 << 28) - 1) << 4, "<u4").tobytes())
    (release,) = make_audience_releases([hidden], CREATOR_BLOCK, entropy_of("hidden"))
    breakdowns = release.document.breakdowns
    assert {name: list(breakdown.cells) for name, breakdown in breakdowns.items()} == {
        name: ["undisclosed/undisclosed" if name == "age_gender" else "undisclosed"] for name in breakdowns
    }
    assert len(breakdowns) == 7


@pytest.mark.usefixtures("_no_noise")
def test_other_is_what_the_shown_cells_leave() -> None:
    """The total less the shown cells, if that clears its own margin."""
    shown, hidden = (ceil(POLICY.k + times * PLATFORM_DAY.margins[1]) for times in (3, 0.9))
    few = [({"gender": gender}, COUNTED, hidden) for gender in ("female", "other")]
    members = [*few, ({}, COUNTED, hidden), ({"gender": "male"}, COUNTED, shown)]
    gender = document_of(members, PLATFORM_DAY).breakdowns["gender"]
    assert {cell: figure[0] for cell, figure in gender.cells.items() if figure} == {"male": shown}
    assert gender.other is not None
    assert gender.other[0] == 3 * hidden


@pytest.mark.usefixtures("_no_noise")
def test_without_a_total_nothing_is_left_over() -> None:
    """A creator's block measures no total: cells stand for themselves."""
    document = document_of([(ANNA, COUNTED, 700), (BEN, COUNTED, 900)], CREATOR_BLOCK)
    assert document.total is None
    assert {breakdown.other for breakdown in document.breakdowns.values()} == {None}
    gender = document.breakdowns["gender"].cells
    assert {cell: figure[0] for cell, figure in gender.items() if figure} == {"female": 700, "male": 900}


def test_a_document_has_public_facts_and_what_is_shown() -> None:
    """Scope, kind with policy version, period, times; no cell that is withheld."""
    (empty,) = make_audience_releases([due_audience(CREATOR_BLOCK, [])], CREATOR_BLOCK, entropy_of("facts"))
    assert msgspec.json.decode(empty.encoded) == {
        "target_id": "c-12",
        "kind": f"creator-p28d-{POLICY.version}",
        "epoch": PERIOD,
        "starts_at_ms": period_start_ms(PERIOD, BLOCK),
        "as_of_ms": period_start_ms(PERIOD + 1, BLOCK),
        "next_release_at_ms": period_start_ms(PERIOD + 2, BLOCK) + POLICY.public_delay_ms,
        "policy_version": POLICY.version,
        "total": None,
        "breakdowns": {},
    }


def test_the_last_period_announces_no_other() -> None:
    """None of its videos can be liked later."""
    due = due_audience(CREATOR_WEEK, [])
    last = replace(due, state=replace(due.state, until_ms=due.state.due_ms))
    (release,) = make_audience_releases([last], CREATOR_WEEK, entropy_of("last"))
    assert release.document.next_release_at_ms is None


def test_an_audience_below_k_never_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    """However high the noise is: of the total, and of a cell of a large audience."""

    def high(self: DiscreteGaussian, count: int) -> NDArray[np.int64]:
        return np.full(count, 100 * self.scale, np.int64)

    monkeypatch.setattr(DiscreteGaussian, "noise", high)
    batch = [due_audience(CREATOR_BLOCK, [(ANNA, COUNTED, count)]) for count in range(POLICY.k)]
    for release in make_audience_releases(batch, CREATOR_BLOCK, entropy_of("k")):
        assert (release.document.total, release.document.breakdowns) == (None, {})
    crowd = [(BEN, COUNTED, 2_000), (ANNA, COUNTED, POLICY.k - 1)]
    (release,) = make_audience_releases([due_audience(CREATOR_BLOCK, crowd)], CREATOR_BLOCK, entropy_of("k"))
    assert all(
        set(breakdown.cells) <= {BEN.get(name, "undisclosed"), "45-54/male"}
        for name, breakdown in release.document.breakdowns.items()
    )


@pytest.mark.usefixtures("_no_noise")
def test_a_number_shows_from_its_threshold_on() -> None:
    """K alone is not enough; k and the margin are."""
    threshold = ceil(POLICY.k + CREATOR_WEEK.margins[0])
    below, at = (
        make_audience_releases(
            [due_audience(CREATOR_WEEK, [({}, COUNTED, count)])], CREATOR_WEEK, entropy_of("threshold")
        )[0].document.total
        for count in (threshold - 1, threshold)
    )
    assert below is None
    assert at is not None
    low, high = at[1:]
    assert POLICY.k <= low <= threshold <= high


def test_none_and_too_few_have_the_same_bytes() -> None:
    """From nobody up to k accounts."""
    batch = [due_audience(HASHTAG_DAY, [(ANNA, COUNTED, count)]) for count in range(POLICY.k + 1)]
    releases = make_audience_releases(batch, HASHTAG_DAY, entropy_of("alike"))
    assert len({release.encoded for release in releases}) == 1


def test_as_much_is_drawn_for_every_audience() -> None:
    """Noise is drawn for every number of every audience (false alarm: 1e-9)."""
    sizes = []
    for count in (0, 3_000):
        source = RecordedEntropy(entropy_of(f"work {count}"))
        make_audience_releases(
            [due_audience(CREATOR_BLOCK, [(ANNA, COUNTED, count)])] * 100, CREATOR_BLOCK, source
        )
        sizes.append(source.size)
    assert abs(sizes[0] - sizes[1]) < 0.05 * sizes[0]


def test_every_number_of_a_batch_has_noise_of_its_own() -> None:
    """Two audiences with the same members show different numbers."""
    due = due_audience(CREATOR_WEEK, [(ANNA, COUNTED, 5_000)])
    releases = make_audience_releases([due] * 40, CREATOR_WEEK, entropy_of("own noise"))
    totals = {release.document.total for release in releases}
    assert len(totals) > 20
