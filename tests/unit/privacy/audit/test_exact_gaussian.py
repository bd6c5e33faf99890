"""The exact trade-off of a shifted Gaussian."""

from __future__ import annotations

from math import sqrt

import pytest
from mpmath import mp, mpf

from privacy.audit.exact_gaussian import OutputSet, best_event, epsilon_claimed


@pytest.mark.parametrize(("shift", "threshold"), [(0.5, 1.0), (2.0, 1.5), (3.0, 2.5)])
def test_the_half_line_spends_its_delta_exactly(shift: float, threshold: float) -> None:
    """At the event's ε and δ, its probabilities meet the definition of differential privacy with equality.

    The oracle has 30 digits; δ is the difference of two floats, good to 1e-16, and none is below 0.05.
    """
    event = OutputSet(shift, threshold)
    with mp.workdps(30):
        likely, rare = mp.ncdf(mpf(shift) - mpf(threshold)), mp.ncdf(-mpf(threshold))
        delta = float(likely - mp.exp(mpf(event.epsilon)) * rare)
    assert event.delta == pytest.approx(delta, rel=1e-13, abs=0)
    rates = event.hit_rate, event.false_hit_rate
    assert rates == pytest.approx((float(likely), float(rare)), rel=1e-14, abs=0)


@pytest.mark.parametrize("rho", [0.008, 0.5, 2.0])
def test_the_claim_at_the_events_delta_is_the_events_epsilon(rho: float) -> None:
    """No set tells better than the half-line where the likelihood ratio exceeds e^ε.

    δ as a float is good to 1e-16. ε changes by at most 1/0.009 of a change of δ: 0.009 is the least rate of
    false hits here. That leaves 1e-14.
    """
    event = best_event(sqrt(2 * rho), 100_000)
    assert epsilon_claimed(rho, event.delta) == pytest.approx(event.epsilon, abs=1e-12)


def test_more_samples_measure_better() -> None:
    """The relative error falls with the root of the samples."""
    event = best_event(2.0, 10_000)
    assert event.relative_error(40_000) == pytest.approx(event.relative_error(10_000) / 2)
