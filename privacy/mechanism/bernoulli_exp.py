"""Coins that land heads with probability exactly exp(-a/b), for integers a and b, from integers alone.

Source: C. Canonne, G. Kamath, T. Steinke, "The Discrete Gaussian for Differential Privacy" (2020),
Algorithm 1. Each function tosses one independent coin per numerator; its arrays shrink, round by round, to
the coins that are still undecided.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from privacy.mechanism.entropy import DIGIT_BITS, UniformIntegers, rounds

# The largest intermediate value is denominator * 2^DIGIT_BITS, which must fit an int64.
MAX_DENOMINATOR: Final = 2 ** (62 - DIGIT_BITS)
MAX_SCALE: Final = 2**22
"""Of a discrete Gaussian. It is here because the accounting needs it, and must not load what draws.

Keeps every number inside an int64: with s = scale and V < ROUND_LIMIT = 2^9 (see `DiscreteGaussian`),
|noise| is below 2^31, (U + s*(V - 1))² below 2^62, and 2*s² <= 2^45 within MAX_DENOMINATOR.
"""


def bernoulli_exp(
    numerators: NDArray[np.int64], denominator: int, uniform: UniformIntegers
) -> NDArray[np.bool_]:
    """Toss coins that land heads with probability exp(-numerator/denominator).

    Args:
        numerators: shape (n,), each at least 0.
        denominator: from 1 to MAX_DENOMINATOR.
        uniform: source of randomness.

    Returns:
        shape (n,), independent; True is heads.

    Raises:
        BrokenEntropyError: the entropy source fails.
    """
    if not numerators.size or numerators.max() <= denominator:  # one factor is enough, see below
        return _bernoulli_exp_of_fraction(numerators, denominator, uniform)
    heads = np.zeros(numerators.size, dtype=np.bool_)
    running = np.arange(numerators.size)
    # exp(-a/b) is a product of factors exp(-step/b) with step <= b: heads if the coin of every factor is.
    for _ in rounds():
        step = np.minimum(numerators, denominator)
        passed = _bernoulli_exp_of_fraction(step, denominator, uniform)
        running, numerators = running[passed], (numerators - step)[passed]
        heads[running] = numerators == 0
        unfinished = numerators > 0
        running, numerators = running[unfinished], numerators[unfinished]
        if not running.size:
            break
    return heads


def _bernoulli_exp_of_fraction(
    numerators: NDArray[np.int64], denominator: int, uniform: UniformIntegers
) -> NDArray[np.bool_]:
    """Toss coins that land heads with probability exp(-p), where p = numerator/denominator <= 1.

    Round k continues with probability p/k, and so is reached with probability p^(k-1)/(k-1)!. Heads means
    stopping in an odd round: 1 - p + p²/2! - p³/3! + … = exp(-p).
    """
    heads = np.ones(numerators.size, dtype=np.bool_)
    running = np.flatnonzero(_bernoulli_of_fraction(numerators, denominator, uniform))
    for k in rounds(2):
        if not running.size:
            break
        heads[running] = k % 2 == 1
        running = running[uniform.below(k, running.size) == 0]
        if denominator > 1:  # what runs on has the numerator 1 otherwise, and is certain to go on
            running = running[_bernoulli_of_fraction(numerators[running], denominator, uniform)]
    return heads


def _bernoulli_of_fraction(
    numerators: NDArray[np.int64], denominator: int, uniform: UniformIntegers
) -> NDArray[np.bool_]:
    """Toss coins that land heads with probability a/b, where a = numerator and b = denominator >= a >= 0.

    Heads means X < a/b for a real X, uniform on [0, 1), whose digits to the base D = 2^DIGIT_BITS are drawn
    only as far as needed. X = (d + Y)/D, where d is the first digit and Y, the rest, is uniform on [0, 1) too
    and independent of d. Hence X < a/b if and only if Y < (a*D - d*b)/b: certain if that is 1 or more,
    impossible if it is 0 or less, and otherwise the same comparison for Y.
    """
    heads: NDArray[np.bool_] = numerators == denominator
    if denominator == 1:
        return heads
    # The first digit decides nearly every coin; the others go on with further digits.
    numerators = (numerators << DIGIT_BITS) - uniform.digits(numerators.size) * denominator
    heads = numerators >= denominator
    running = np.flatnonzero((numerators > 0) & ~heads)
    numerators = numerators[running]
    for _ in rounds(2):
        if not running.size:
            break
        numerators = (numerators << DIGIT_BITS) - uniform.digits(running.size) * denominator
        heads[running] = numerators >= denominator
        undecided = np.flatnonzero((numerators > 0) & (numerators < denominator))
        running, numerators = running[undecided], numerators[undecided]
    return heads
