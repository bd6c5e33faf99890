"""Clopper–Pearson bounds and what they say of ε."""

from fractions import Fraction
from math import comb, inf, log

import pytest

from privacy.audit.confidence import Hits, epsilon_lower_bound, estimate_epsilon

ALPHA = 0.01


def binomial_probability(counts: range, samples: int, rate: float) -> float:
    """The exact probability that a binomial count is one of these, in integers up to the last division."""
    hit, whole = rate.as_integer_ratio()
    ways = sum(comb(samples, n) * hit**n * (whole - hit) ** (samples - n) for n in counts)
    return float(Fraction(ways, whole**samples))


@pytest.mark.parametrize("hits", [1, 30, 999])
def test_bounds_are_where_the_binomial_tail_is_alpha(hits: int) -> None:
    """At the lower bound this many hits or more have probability alpha; at the upper one, this many or fewer.

    The oracle is exact; the tolerance is what the inversion in floats may leave of a tail.
    """
    seen = Hits(hits, 1_000)
    or_more, or_fewer = range(hits, 1_001), range(hits + 1)
    assert binomial_probability(or_more, 1_000, seen.lower_bound(ALPHA)) == pytest.approx(
        ALPHA, rel=1e-9, abs=0
    )
    assert binomial_probability(or_fewer, 1_000, seen.upper_bound(ALPHA)) == pytest.approx(
        ALPHA, rel=1e-9, abs=0
    )


def test_none_and_all_have_open_ends() -> None:
    """No hits bound nothing from below, and only hits nothing from above."""
    assert Hits(0, 10).lower_bound(ALPHA) == 0
    assert Hits(10, 10).upper_bound(ALPHA) == 1


def test_a_bound_is_below_what_was_measured() -> None:
    """The allowance for chance only ever lowers ε."""
    likely, rare = Hits(9_000, 10_000), Hits(1_000, 10_000)
    assert 0 < epsilon_lower_bound(likely, rare, 0.0) < estimate_epsilon(likely, rare, 0.0) == log(9)


def test_an_event_that_one_world_never_shows_is_bounded_all_the_same() -> None:
    """Zero hits are no proof of zero: the estimate is infinite, the bound is not."""
    likely, rare = Hits(10_000, 10_000), Hits(0, 10_000)
    assert estimate_epsilon(likely, rare, 1e-6) == inf
    assert 6 < epsilon_lower_bound(likely, rare, 1e-6) < 10


def test_what_delta_explains_needs_no_epsilon() -> None:
    """An event no likelier than δ shows nothing."""
    assert epsilon_lower_bound(Hits(50, 10_000), Hits(0, 10_000), 0.01) == 0
    assert estimate_epsilon(Hits(50, 10_000), Hits(0, 10_000), 0.01) == 0


@pytest.mark.parametrize(("hits", "samples"), [(-1, 5), (6, 5), (0, 0)])
def test_impossible_counts_are_refused(hits: int, samples: int) -> None:
    """Hits lie between none and all of at least one sample."""
    with pytest.raises(ValueError, match="hits: are"):
        Hits(hits, samples)
