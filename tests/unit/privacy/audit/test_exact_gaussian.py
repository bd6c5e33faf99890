"""The exact trade-off of a shifted Gaussian."""

from math import sqrt

import pytest
from mpmath import mp, mpf

from privacy.audit.exact_gaussian import HalfLine, best_half_line, exact_epsilon


@pytest.mark.parametrize(("shift", "threshold"), [(0.5, 1.0), (2.0, 1.5), (3.0, 2.5)])
def test_the_half_line_spends_its_delta_exactly(shift: float, threshold: float) -> None:
    """At the half-line's ε and δ, its probabilities meet the definition of privacy with equality.

    The oracle has 30 digits; δ is the difference of two floats, good to 1e-16, and none is below 0.05.
    """
    half_line = HalfLine(shift, threshold)
    with mp.workdps(30):
        likely, rare = mp.ncdf(mpf(shift) - mpf(threshold)), mp.ncdf(-mpf(threshold))
        delta = float(likely - mp.exp(mpf(half_line.epsilon)) * rare)
    assert half_line.delta == pytest.approx(delta, rel=1e-13, abs=0)
    rates = half_line.hit_rate, half_line.false_hit_rate
    assert rates == pytest.approx((float(likely), float(rare)), rel=1e-14, abs=0)


@pytest.mark.parametrize("rho", [0.008, 0.5, 2.0])
def test_the_claim_at_the_events_delta_is_the_events_epsilon(rho: float) -> None:
    """No set tells better than the half-line where the likelihood ratio exceeds e^ε.

    δ as a float is good to 1e-16. ε changes by at most 1/0.009 of a change of δ: 0.009 is the least rate of
    false hits here. That leaves 1e-14.
    """
    half_line = best_half_line(sqrt(2 * rho), 100_000)
    assert exact_epsilon(rho, half_line.delta) == pytest.approx(half_line.epsilon, abs=1e-12)


def test_more_samples_measure_better() -> None:
    """The relative error falls with the root of the samples."""
    half_line = best_half_line(2.0, 10_000)
    assert half_line.relative_error(40_000) == pytest.approx(half_line.relative_error(10_000) / 2)
