"""The one rule for identifiers."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from privacy.errors import InvalidInputError
from privacy.model.identifier import IDENTIFIER_RULE, check_identifier

ALLOWED = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~:-"


@given(text=st.text(ALLOWED, min_size=1, max_size=128).filter(lambda text: text not in {".", ".."}))
@example(text="...")
@example(text=".a")
def test_what_keeps_the_rule_is_returned(text: str) -> None:
    """An identifier is taken as it is, never changed."""
    assert check_identifier("video_id", text) == text


@given(text=st.text(min_size=1, max_size=10).filter(lambda text: set(text) - set(ALLOWED)))
def test_any_other_character_is_refused(text: str) -> None:
    """Braces, controls, spaces and everything beyond ASCII are refused, at any position."""
    with pytest.raises(InvalidInputError):
        check_identifier("video_id", text)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "is empty"),
        ("a" * 129, "has 129 characters"),
        ("a\n", "is 'a\\n'"),
        ("{a}", "is '{a}'"),
        (".", "is '.'"),
        ("..", "is '..'"),
        ("e\u0301", "is 'e\u0301'"),
        (" " + "a" * 99, f"is ' {'a' * 39}'"),
    ],
)
def test_a_refusal_names_field_fault_and_rule(text: str, fault: str) -> None:
    """The message says which field, what is wrong with it, in few words, and what would be right."""
    with pytest.raises(InvalidInputError) as raised:
        check_identifier("account_id", text)
    assert (raised.value.field, raised.value.message, raised.value.expected) == (
        "account_id",
        fault,
        IDENTIFIER_RULE,
    )
