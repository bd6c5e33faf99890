"""The times of a batch, read together."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from privacy.model.timestamp import EPOCH, RFC_3339, TIMESTAMP_RULE, parse_timestamp_ms

if TYPE_CHECKING:
    from collections.abc import Sequence

_LINES = re.compile(f"(?:{RFC_3339.pattern}\n)*+{RFC_3339.pattern}")
_MS_A_DAY = 86_400_000
_LONG, _DATE = len("2026-05-03T14:07:31.250Z"), len("2026-05-03")
_MARKS = [10, 13, 16, 19, 23]
_DIGITS = [11, 12, 14, 15, 17, 18, 20, 21, 22]
_SIXTIES = [2, 4]
"""Places, among the digits, of the tens of minutes and seconds."""
_FIVE, _NINE = 5, 9
_MS_A_DIGIT = np.array([36_000_000, 3_600_000, 600_000, 60_000, 10_000, 1_000, 100, 10, 1])


def parse_timestamps_ms(texts: Sequence[str]) -> list[int]:
    """Read many times as `parse_timestamp_ms` does, in a tenth of the time where all are of one UTC day.

    Raises:
        ValueError: one of them is not such a time.
    """
    same_day = _of_one_day_ms(texts)
    if same_day is not None:
        return same_day
    # A text with a line break in it would match as two times, but `fromisoformat` refuses it.
    if texts and not _LINES.fullmatch("\n".join(texts)):
        raise ValueError(f"are not all times; {TIMESTAMP_RULE}")
    since = [moment - EPOCH for moment in map(datetime.fromisoformat, texts)]
    return [span.days * _MS_A_DAY + span.seconds * 1000 + span.microseconds // 1000 for span in since]


def _of_one_day_ms(texts: Sequence[str]) -> list[int] | None:
    """Read times of one UTC day, written to the second or millisecond; None where that is not certain."""
    long = [text if len(text) == _LONG else f"{text[:-1]}.000{text[-1:]}" for text in texts]
    joined = "".join(long)
    if not joined.isascii() or len(joined) != len(long) * _LONG:
        return None
    characters = np.frombuffer(joined.encode(), np.uint8).reshape(len(long), _LONG)
    # What was lengthened ends where a row does, or its point is out of place. So no text fills two rows:
    # another one would have to fill none.
    marks = characters[:, _MARKS]
    digits = characters[:, _DIGITS] - ord("0")  # wraps: what is no digit is more than 9
    if not long or (marks != marks[0]).any() or marks[0].tobytes() != b"T::.Z" or (digits > _NINE).any():
        return None
    if (characters[:, :_DATE] != characters[0, :_DATE]).any() or (digits[:, _SIXTIES] > _FIVE).any():
        return None
    try:
        midnight_ms = parse_timestamp_ms(f"{long[0][:_DATE]}T00:00:00Z")
    except ValueError:
        return None
    of_day_ms = digits @ _MS_A_DIGIT
    return None if of_day_ms.max() >= _MS_A_DAY else (of_day_ms + midnight_ms).tolist()
