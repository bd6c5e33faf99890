"""How long a program rests after failures in a row."""

from typing import Final

_MAX_DOUBLINGS: Final = 30


def back_off_seconds(failures: int, first_seconds: float, max_seconds: float) -> float:
    """Returns the rest after `failures` failures in a row (at least 1): doubled after each, up to a bound."""
    return min(first_seconds * 2.0 ** min(failures - 1, _MAX_DOUBLINGS), max_seconds)
