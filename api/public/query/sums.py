"""Sums of published numbers of several targets, with an interval that allows for how they were selected.

The noise of different targets is independent, so half widths add up in squares. But a number is shown only
from a threshold on, so those just above it are too large on average, which does not average out. How much is
in their intervals, which reach further down than up: what they reach further down is added up as it is.
"""

from collections.abc import Sequence
from math import ceil, floor, sqrt

from privacy.model.documents import Figure


def sum_independent(figures: Sequence[Figure]) -> Figure:
    """Return the sum of published numbers with independent noise.

    Its interval contains the exact sum in at least 95 % of cases, in about 95 % if all numbers are far above
    their thresholds (`docs/decisions/0063-sums-of-selected-numbers.md`).

    Args:
        figures: value and interval of each; at least one.
    """
    if len(figures) == 1:
        return figures[0]
    below = [value - low for value, low, _ in figures]
    above = [high - value for value, _, high in figures]
    further = sum(max(0, down - up) for down, up in zip(below, above, strict=True))
    common = sqrt(sum(min(down, up) ** 2 for down, up in zip(below, above, strict=True)))
    widest = sqrt(sum(max(down, up) ** 2 for down, up in zip(below, above, strict=True)))
    value = sum(figure[0] for figure in figures)
    return value, floor(value - further - common), ceil(value + widest)


def sum_dependent(figures: Sequence[Figure]) -> Figure:
    """Return the sum of published numbers that share noise: half widths add up as they are."""
    return (
        sum(v for v, _, _ in figures),
        sum(low for _, low, _ in figures),
        sum(high for _, _, high in figures),
    )
