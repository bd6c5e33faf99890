"""A column as its distinct values: what costs something is done once for each of them, not for each row."""

from __future__ import annotations

from collections import defaultdict
from itertools import count
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    Value = TypeVar("Value", bound=Hashable)


def distinct(values: Sequence[Value]) -> tuple[list[Value], np.ndarray]:
    """The distinct values in the order of their first rows, and of each row the position of its value.

    Returns:
        k values, and as many integers from 0 to k − 1 as there were values.
    """
    positions: defaultdict[Value, int] = defaultdict(count().__next__)
    position_of = np.fromiter(map(positions.__getitem__, values), np.intp, len(values))
    return list(positions), position_of
