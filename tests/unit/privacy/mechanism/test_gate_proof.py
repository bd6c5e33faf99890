"""The steps of `docs/proofs/gate.md` that are numbers, checked on the numbers."""

from typing import Final

import numpy as np
import pytest
from scipy.stats import norm

from privacy.mechanism.accounting import Calibration, calibrate
from privacy.model.engagement import Kind
from privacy.policy.file import load_policy
from privacy.policy.policy import Policy
from tests.support.discrete_gaussian_oracle import probabilities

REACH_SCALES: Final = 9
"""So far out tails are compared, down to 1e-19; the oracle cuts its own off at 12 scales, below 1e-31."""


@pytest.fixture(scope="module")
def calibration() -> Calibration:
    """The default policy's."""
    return calibrate(load_policy(), Kind.LIKE)


def count_trials(policy: Policy) -> int:
    """The streams that a like touches: of its video at each epoch, of audiences once."""
    assert policy.audiences is not None
    touched = policy.layout.count_touched_by_one_engagement(policy.flip_cap)
    return policy.schedule.epochs * touched + policy.audiences.streams_touched


@pytest.mark.parametrize("scale", [1, 2, 3, 10, 1000, 44_237])
def test_a_discrete_gaussian_is_below_a_normal_plus_one(scale: int) -> None:
    """P[Z >= m] <= P[N + 1 >= m] for every integer m: the lemma on the tail, at both sides of zero.

    No tolerance: the two sides differ by 9e-6 of themselves or more, and the sums of up to a million positive
    floats are good to 1e-10.
    """
    values, probability = probabilities(scale)
    at_least = np.cumsum(probability[::-1])[::-1]
    right = (values >= 1) & (values <= REACH_SCALES * scale)
    assert (at_least[right] <= norm.sf((values[right] - 1) / scale)).all()
    # For m <= 0 and a = 1 - m the claim is P[Z >= a] >= P[N >= a], by symmetry; no tail is near 1 then.
    assert (at_least[right] >= norm.sf(values[right] / scale)).all()


def test_the_lemma_is_not_idle() -> None:
    """Without the one, the claim is false: a discrete Gaussian reaches farther than its normal."""
    values, probability = probabilities(10)
    at_least = np.cumsum(probability[::-1])[::-1]
    assert (at_least > norm.sf(values / 10))[values == 20].all()


def test_the_margins_spend_the_gates_delta_and_no_more(calibration: Calibration) -> None:
    """The bounds of all streams and steps that one engagement touches add up to the policy's gate delta.

    A relative error e of `needed` changes a tail by z²·e of itself: the tolerance allows an e of 1.6e-8.
    """
    policy, factorisation = calibration.policy, calibration.factorisation
    steps = np.arange(policy.schedule.epochs)
    # What the noise must reach when the larger world's count is as high as it can be below k in the other.
    gain = np.ones(policy.layout.count)
    gain[policy.layout.removals] = policy.flip_cap // 2
    needed = calibration.margins(steps) - (gain - 1) - np.abs(factorisation.decoder).sum(axis=1)[:, None]
    tails = norm.sf(needed / calibration.deviations(steps))
    assert tails.max() * count_trials(policy) == pytest.approx(float(policy.gate_delta), rel=1e-6, abs=0)
    assert tails.min() == pytest.approx(tails.max(), rel=1e-6, abs=0)


def test_the_exact_tail_at_the_first_step_keeps_the_bound(calibration: Calibration) -> None:
    """At step 0 the estimate is one draw, so its tail can be summed: below its share, and not by much.

    The tail is 1.3e-4 of itself below the share, and its sum is good to 1e-10.
    """
    policy, statistic = calibration.policy, calibration.statistics[0]
    unit = float(calibration.factorisation.decoder[0, 0])
    least = int(np.ceil(calibration.margins(np.array([0]))[0, policy.layout.total] / unit))
    values, probability = probabilities(statistic.scale)
    share = float(policy.gate_delta) / count_trials(policy)
    tail = probability[values >= least].sum()
    assert 0.99 * share <= tail <= share
