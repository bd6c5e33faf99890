"""The rule for identifiers from outside."""

from __future__ import annotations

import pytest

from privacy.errors import InvalidInputError
from privacy.model.identifier import check_identifier


@pytest.mark.parametrize("text", ["a", "v-4711", "A.b_c~d:e-9", "0" * 128])
def test_right_identifiers(text: str) -> None:
    """An identifier that keeps the rule comes back as it is."""
    assert check_identifier("video_id", text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a" * 129,
        "a b",
        "{a}",
        "a/b",
        "a,b",
        "a%41",
        "a\n",
        "\na",
        "a\x00",
        "é",
        "e\u0301",
        "\uff21",
        "a\u200b",
    ],
)
def test_wrong_identifiers(text: str) -> None:
    """Whatever else is refused with its field, what is wrong and what would be right, in a short message."""
    with pytest.raises(InvalidInputError) as caught:
        check_identifier("video_id", text)
    assert caught.value.field == "video_id"
    assert caught.value.rule.startswith("1 to 128 of")
    assert len(str(caught.value)) < 300
