"""A share of two published numbers, with an interval by Fieller's theorem."""

from __future__ import annotations

from math import ceil, floor, sqrt
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from privacy.gallery.documents import Figure

WHOLE: Final = 10_000
"""Shares are integers: so many of ten thousand."""


def share_of(part: Figure, rest: Figure) -> Figure:
    """How many of ten thousand belong to the part: part / (part + rest).

    Both numbers are noisy, so the interval is not that of either. It holds every share p for which
    part·(1 − p) − p·rest, whose noise is known, is compatible with zero (E. C. Fieller, "Some problems in
    interval estimation", 1954): exact for normal noise, however large the denominator's.

    Args:
        part: with its 95 % interval.
        rest: likewise, with independent noise.
    """
    together = part[0] + rest[0]
    if together <= 0:
        return 0, 0, WHOLE
    of_part, of_rest = (((high - low) / 2) ** 2 for _, low, high in (part, rest))
    value = min(max(part[0] / together, 0.0), 1.0)
    square = together**2 - of_part - of_rest
    linear = 2 * (of_part - part[0] * together)
    constant = part[0] ** 2 - of_part
    if square <= 0:
        return round(WHOLE * value), 0, WHOLE
    root = sqrt(max(linear**2 - 4 * square * constant, 0.0))
    low, high = ((-linear + sign * root) / (2 * square) for sign in (-1, 1))
    return (
        round(WHOLE * value),
        max(0, min(floor(WHOLE * low), floor(WHOLE * value))),
        min(WHOLE, max(ceil(WHOLE * high), ceil(WHOLE * value))),
    )
