"""Opaque cursors."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.http.pagination import decode_cursor, encode_cursor
from privacy.errors import InvalidInputError

NEARLY = ("bGVkZ2VyOi0x", "bGVkZ2VyOjAx", "bGVkZ2VyOjE=", "bGVk Z2VyOjE")
"""`ledger:-1`, `ledger:01`, and `ledger:1` with padding or a space."""
POSITIONS = st.lists(st.integers(0, 10**15 - 1), min_size=1, max_size=3).map(tuple)


@given(POSITIONS)
def test_round_trip(position: tuple[int, ...]) -> None:
    """A cursor leads back to its position."""
    assert decode_cursor("ledger", len(position), encode_cursor("ledger", position)) == position


@given(POSITIONS, st.integers(1, 3))
def test_only_cursors_of_the_list_are_read(position: tuple[int, ...], numbers: int) -> None:
    """A cursor of another list, or of another length, is refused."""
    cursor = encode_cursor("ledger", position)
    with pytest.raises(InvalidInputError, match=r"^`cursor` "):
        decode_cursor("timeseries", len(position), cursor)
    if numbers != len(position):
        with pytest.raises(InvalidInputError, match=r"^`cursor` "):
            decode_cursor("ledger", numbers, cursor)


@given(st.text(max_size=40) | st.sampled_from(NEARLY))
def test_other_text_is_refused(cursor: str) -> None:
    """Text that `encode_cursor` does not make is refused: another spelling, a sign, a leading zero."""
    try:
        position = decode_cursor("ledger", 1, cursor)
    except InvalidInputError:
        return
    assert encode_cursor("ledger", position) == cursor
