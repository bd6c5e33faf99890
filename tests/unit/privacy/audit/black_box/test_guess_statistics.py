"""What guesses and times prove: bounds that hold as often as they say, and find what is there."""

from math import exp, log

import numpy as np
import pytest

from privacy.audit.black_box.guess_statistics import (
    FALSE_ALARM,
    equal_times_p_value,
    mean_interval,
    one_run_epsilon,
)
from privacy.audit.confidence import Hits


def test_bounds_of_a_rate_are_those_of_clopper_and_pearson() -> None:
    """Of 60 right guesses of 60 the rate is at least alpha to the power 1/60; the other end mirrors it."""
    assert Hits(60, 60).lower_bound(FALSE_ALARM) == pytest.approx(1e-6 ** (1 / 60))
    assert Hits(0, 60).upper_bound(FALSE_ALARM) == pytest.approx(1 - 1e-6 ** (1 / 60))
    assert Hits(0, 60).lower_bound(FALSE_ALARM) == 0.0
    assert Hits(60, 60).upper_bound(FALSE_ALARM) == 1.0


def test_the_bound_of_one_run_is_that_of_the_theorem_without_delta() -> None:
    """With δ = 0 the guesses are at most binomial with e^ε / (1 + e^ε): here all of 100 at 95 %."""
    rate = 0.05 ** (1 / 100)
    assert one_run_epsilon(1_000, 100, 100, 0.0, 0.05) == pytest.approx(log(rate / (1 - rate)), abs=1e-6)
    assert one_run_epsilon(1_000, 100, 50, 0.0, 0.05) == 0


def test_delta_lowers_the_bound_of_one_run() -> None:
    """A little for a small δ, and to nothing for a large one."""
    bounds = [one_run_epsilon(1_000, 100, 95, delta, 0.05) for delta in (0.0, 1e-6, 1e-4, 1e-1)]
    assert bounds == sorted(bounds, reverse=True)
    assert bounds[0] > bounds[1] > bounds[0] - 0.01
    assert bounds[3] == 0


def test_the_bound_of_one_run_holds_for_randomised_response() -> None:
    """Randomised response with ε = 1 is exactly what the theorem bounds: it exceeds 1 in 5 % of runs at most.

    1,000 runs; more than 85 exceed it with a probability below 1e-6.
    """
    rng = np.random.default_rng(7)
    right = rng.binomial(400, exp(1) / (1 + exp(1)), 1_000)
    exceeds = [one_run_epsilon(400, 400, count, 0.0, 0.05) > 1 for count in range(256, 401)]
    exceeded = sum(exceeds[max(count, 256) - 256] for count in right)
    assert 15 < exceeded <= 85


def test_the_mean_of_independent_targets_is_bounded_by_students_t() -> None:
    """Around the mean, wider for fewer targets, and without width where all are alike."""
    few, many = (mean_interval(np.tile([0.4, 0.6], count)) for count in (10, 1_000))
    assert few[0] < many[0] < 0.5 < many[1] < few[1]
    assert mean_interval(np.ones(20)) == (1.0, 1.0)


def test_a_difference_of_times_is_found_and_none_is_not() -> None:
    """2 % of a spread of times, in 10,000 blocks; equal times alarm with a probability of 1e-6."""
    rng = np.random.default_rng(3)
    first, second = rng.gamma(4, 1e-4, (2, 10_000))
    assert equal_times_p_value(first, second) > 1e-6
    assert equal_times_p_value(first + 2e-5, second) < 1e-6
    assert equal_times_p_value(first, first) == 1.0


def test_what_slows_a_whole_block_does_not_alarm() -> None:
    """The machine's own ups and downs meet both kinds alike."""
    rng = np.random.default_rng(5)
    load = rng.gamma(0.2, 1e-2, 10_000)
    first, second = rng.gamma(4, 1e-4, (2, 10_000)) + load
    assert equal_times_p_value(first, second) > 1e-6
