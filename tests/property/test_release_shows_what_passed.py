"""A release says nothing but what passed the gate: the step of `docs/proofs/gate.md` that is about code."""

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from privacy.mechanism.accounting import calibrate
from privacy.model.engagement import Kind
from privacy.release.estimates import NO_STEP, Estimates, PublishedEstimates, publishable_estimates
from privacy.release.history import StreamRecords
from privacy.release.measure import Measured
from tests.support.profiles import examples
from tests.support.small_policy import small_policy

CALIBRATION = calibrate(small_policy(), Kind.LIKE)
LAYOUT, EPOCHS = CALIBRATION.policy.layout, CALIBRATION.policy.schedule.epochs
LEAST = CALIBRATION.min_counts[:, None]
"""From which count on each stream may be shown, shape (streams, 1)."""
SERIES = 40
SEEDS = st.integers(0, 2**32 - 1)


@settings(max_examples=examples(50))
@given(SEEDS)
def test_exact_counts_decide_by_their_side_of_k_alone(seed: int) -> None:
    """Exact counts on the same sides of their least counts, with the same measurements, give one release."""
    random = np.random.default_rng(seed)
    counts, steps, since = _world(random)
    values = _measurements(random, counts)
    other = np.where(
        counts >= LEAST,
        LEAST + random.integers(0, 500, counts.shape),
        random.integers(0, np.broadcast_to(LEAST, counts.shape)),
    )
    release = _release(counts, values, steps, since)
    assert any(shown.any() for shown in (release.streams.shown, release.others.shown, release.changes.shown))
    _assert_same(release, _release(other, values, steps, since))


@settings(max_examples=examples(50))
@given(SEEDS)
def test_measurements_below_k_are_not_looked_at(seed: int) -> None:
    """Whatever was measured of streams that are below their least counts now, the release is the same."""
    random = np.random.default_rng(seed)
    counts, steps, since = _world(random)
    values = _measurements(random, counts)
    below = counts[np.arange(SERIES), :, steps] < LEAST[:, 0]
    other = np.where(below[:, :, None], random.integers(-(2**40), 2**40, values.shape), values)
    _assert_same(_release(counts, values, steps, since), _release(counts, other, steps, since))


def _world(random: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.intp], NDArray[np.intp]]:
    """Exact counts by series, stream and step, each series' current step, and what its change refers to."""
    counts = random.integers(0, 60, (SERIES, LAYOUT.count, EPOCHS)) * random.integers(0, 3, (SERIES, 1, 1))
    steps = random.integers(0, EPOCHS, SERIES)
    return counts, steps, np.maximum(steps - random.integers(1, 4, SERIES), NO_STEP)


def _measurements(random: np.random.Generator, counts: NDArray[np.int64]) -> NDArray[np.int64]:
    net = np.diff(counts, axis=2, prepend=0)
    noise = random.normal(size=counts.shape) * CALIBRATION.stream_scales[None, :, None]
    encoded = net @ CALIBRATION.factorisation.encoder.T
    return encoded + np.rint(noise).astype(np.int64)


def _release(
    counts: NDArray[np.int64],
    values: NDArray[np.int64],
    steps: NDArray[np.intp],
    since: NDArray[np.intp],
) -> PublishedEstimates:
    """Make the figures of series whose streams are all measured."""
    measured = Measured(
        known=np.ones(counts.shape[:2], np.bool_),
        values=values,
        drawn=StreamRecords(*(np.zeros(0, np.int64) for _ in range(4))),
    )
    return publishable_estimates(counts[np.arange(SERIES), :, steps], steps, since, measured, CALIBRATION)


def _assert_same(one: PublishedEstimates, two: PublishedEstimates) -> None:
    for figures_one, figures_two in (
        (one.streams, two.streams),
        (one.others, two.others),
        (one.changes, two.changes),
        (one.smoothed, two.smoothed),
    ):
        assert (figures_one.shown == figures_two.shown).all()
        for field in ("values", "low", "high"):
            assert (_visible(figures_one, field) == _visible(figures_two, field)).all()


def _visible(part: Estimates, field: str) -> NDArray[Any]:
    return np.where(part.shown, getattr(part, field), 0)
