"""The identifiers of a batch: as one by one, and a wrong one is never lost among many."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.platform.event_decoder import are_public_ids
from privacy.errors import InvalidInputError
from privacy.model.identifier import check_identifier
from privacy.model.sandbox import TARGET_PREFIX

RIGHT = st.sampled_from(["a", "~", "x" * 128, "video-0001", "sandbox", "a.sandbox:b", "Z_:9"])
ODD = st.sampled_from(["", "x" * 129, "a b", "a\n", "\n", "a\nb", "é", "\ud800", "{a}", "a\x00", "/"])


def is_identifier(text: str) -> bool:
    """Whether one text keeps the rule."""
    try:
        return check_identifier("id", text) == text
    except InvalidInputError:
        return False


@given(columns=st.lists(st.lists(RIGHT | ODD | st.text(max_size=3), max_size=4), max_size=3))
def test_many_identifiers_are_checked_as_one_by_one(columns: list[list[str]]) -> None:
    """All are identifiers exactly if each of them is."""
    each = all(is_identifier(text) for column in columns for text in column)
    assert are_public_ids(*columns) == each


@pytest.mark.parametrize("wrong", ["", "x" * 129, "a\nb", "a b", f"{TARGET_PREFIX}a"])
@pytest.mark.parametrize("place", range(3))
def test_one_wrong_identifier_among_many_is_noticed(wrong: str, place: int) -> None:
    """It is seen wherever it stands, as is one that belongs to the sandbox."""
    texts = ["a", "b"]
    assert are_public_ids(["c"], texts)
    texts.insert(place, wrong)
    assert not are_public_ids(["c"], texts)
