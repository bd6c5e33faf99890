"""Text for people: bounded, composed, on one line, and visible."""

import unicodedata
from typing import Literal

import pytest
from marshmallow import ValidationError

from api.platform.display_text import ELLIPSIS, MAX_MARKS, CutText, DisplayText, limit_marks
from privacy.model.spelling import spelling_key

NORMALIZE = unicodedata.normalize
MARKS = "\u0301\u0316"
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"


def load(text: str, max_characters: int = 10, *, cut: bool = True) -> str:
    """Load a text."""
    loaded = DisplayText(max_characters, cut=cut).deserialize(text, "title", {})
    assert isinstance(loaded, str)
    return loaded


@pytest.mark.parametrize("cut", [True, False])
def test_marks_without_end_are_never_composed(monkeypatch: pytest.MonkeyPatch, *, cut: bool) -> None:
    """Composing takes time with the square of a run of marks: what is composed is short, in short runs."""
    composed = []

    def normalize(form: Literal["NFC", "NFKC"], text: str) -> str:
        composed.append(text)
        return NORMALIZE(form, text)

    monkeypatch.setattr("api.platform.display_text.unicodedata.normalize", normalize)
    if cut:
        assert len(load("x" + MARKS * 1_000_000, 2_200)) <= 2_200
    else:
        with pytest.raises(ValidationError, match="has 2000001 characters"):
            load("x" + MARKS * 1_000_000, 2_200, cut=False)
    load("x" + MARKS * 1_000, 2_200, cut=False)
    assert composed
    assert all(len(text) <= 4 * 2_200 and text == limit_marks(text) for text in composed)


def test_a_run_of_marks_is_as_long_as_the_stream_safe_format_allows() -> None:
    """The rest of it is left out; marks of other letters stay."""
    text = ("a" + "\u0301" * 40) * 2
    assert limit_marks(text) == ("a" + "\u0301" * MAX_MARKS) * 2
    assert limit_marks("Việt \u0e17\u0e35\u0e48") == "Việt \u0e17\u0e35\u0e48"


@pytest.mark.parametrize(
    ("text", "loaded"),
    [
        ("Cafe\u0301", "Café"),
        ("line one\nline two #cooking", "line one line two #cooking"),
        ("a\r\n\r\nb\tc\u2028d\x85e\n", "a b c d e"),
        (unicodedata.normalize("NFD", "Ǘ" * 30), "Ǘ" * 30),
        (FAMILY, FAMILY),
        ("\U0001f3f4\U000e0067\U000e0062\U000e007f", "\U0001f3f4\U000e0067\U000e0062\U000e007f"),
    ],
)
def test_text_is_composed_and_on_one_line(text: str, loaded: str) -> None:
    """A length in decomposed form is no fault, and emoji stay whole."""
    assert load(text, 30, cut=False) == loaded


def test_a_longer_text_is_cut_where_that_is_allowed() -> None:
    """It ends with an ellipsis, and what is shown as one character is not split."""
    assert load("a" * 10) == "a" * 10
    assert not isinstance(load("a" * 10), CutText)
    assert load("a" * 11) == "a" * 9 + ELLIPSIS
    assert isinstance(load("a" * 11), CutText)
    assert load("words " * 100, 10) == "words wor" + ELLIPSIS
    assert load("aaaaaaa" + FAMILY) == "aaaaaaa" + ELLIPSIS
    assert load("aaaaaaaax\u0323\u0324\u0325b") == "aaaaaaaa" + ELLIPSIS
    with pytest.raises(ValidationError, match="has 11 characters"):
        load("a" * 11, cut=False)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        *[
            (text, "has no visible")
            for text in ("\u200b", "\u2060", "\u00ad\ufe0f", "\u3164", "\u0301", "\u2800")
        ],
        *[(text, "has no characters") for text in ("", " ", "\n", "\u3000\t")],
        *[(f"a{code}b", "contains a control") for code in "\x00\x1b\x7f\x9f\uffff"],
        *[
            (f"a{code}b", f"contains U\\+{ord(code):04X}, which changes the direction")
            for code in "\u200e\u200f\u061c\u202e\u2066"
        ],
    ],
)
def test_text_that_shows_nothing_or_turns_others_round_is_refused(text: str, fault: str) -> None:
    """At least one visible character, and none that changes the direction of what stands around it."""
    with pytest.raises(ValidationError, match=fault):
        load(text)


def test_spellings_that_look_alike_have_one_key() -> None:
    """Case, width and invisible characters make no difference; other letters do."""
    assert {spelling_key(text) for text in ("Baking", "baking", "\uff42aking", "\u200bbaking")} == {"baking"}
    assert spelling_key("STRASSE") == spelling_key("straße")
    assert spelling_key("baking") != spelling_key("b\u00e4king")
