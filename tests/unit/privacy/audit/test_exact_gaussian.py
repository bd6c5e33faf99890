"""The exact trade-off of a shifted Gaussian."""

from __future__ import annotations

from math import exp, sqrt

import pytest
from scipy.stats import norm

from privacy.audit.exact_gaussian import OutputSet, best_event, epsilon_claimed


@pytest.mark.parametrize(("shift", "threshold"), [(0.5, 1.0), (2.0, 1.5), (3.0, 2.5)])
def test_the_half_line_spends_its_delta_exactly(shift: float, threshold: float) -> None:
    """At the event's ε and δ, its probabilities meet the definition of differential privacy with equality."""
    event = OutputSet(shift, threshold)
    likely, rare = norm.sf(threshold - shift), norm.sf(threshold)
    assert likely == pytest.approx(exp(event.epsilon) * rare + event.delta)
    assert (event.hit_rate, event.false_hit_rate) == pytest.approx((likely, rare))


@pytest.mark.parametrize("rho", [0.008, 0.5, 2.0])
def test_the_claim_at_the_events_delta_is_the_events_epsilon(rho: float) -> None:
    """No set tells better than the half-line where the likelihood ratio exceeds e^ε."""
    event = best_event(sqrt(2 * rho), 100_000)
    assert epsilon_claimed(rho, event.delta) == pytest.approx(event.epsilon, abs=1e-6)


def test_more_samples_measure_better() -> None:
    """The relative error falls with the root of the samples."""
    event = best_event(2.0, 10_000)
    assert event.relative_error(40_000) == pytest.approx(event.relative_error(10_000) / 2)
