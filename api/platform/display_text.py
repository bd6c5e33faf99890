"""Text for people: composed, on one line, visible, and bounded before anything dear is done with it.

Composing (NFC) puts combining marks in order, in time that grows with the square of a run of them. So the
length is checked before, and a run of marks is no longer than Unicode's stream-safe format allows (UAX 15).
"""

import re
import unicodedata
from collections.abc import Iterator
from typing import Any, Final

from marshmallow import ValidationError, fields

from api.platform.field_types import documented, error_messages

MAX_MARKS: Final = 30
"""Combining marks in a row; more are left out. No language needs as many (UAX 15, section 13)."""
MAX_UNITS_PER_CHARACTER: Final = 4
"""No composed character is longer when it is decomposed."""
ELLIPSIS: Final = "\u2026"
_MAX_JOINED: Final = 40
"""Characters that a cut looks back over for the beginning of what is shown as one."""
_BREAKS = re.compile("[\t\n\v\f\r\x85\u2028\u2029]+")
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]+")
_TURNS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Characters that change the direction of the text around them (Unicode TR 36)."""
_INVISIBLE_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cs", "Zs", "Zl", "Zp", "Mn", "Me"})
_INVISIBLE: Final = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and symbols that are shown as nothing."""
_ZERO_WIDTH_JOINER: Final = "\u200d"
_MODIFIERS = re.compile("[\u200d\ufe0f\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]")


class DisplayText(fields.String):
    """Text for people, loaded in Unicode's composed form (NFC), so that equal text has equal bytes.

    Line breaks and tabs become spaces.

    Args:
        max_characters: the maximum length after composition.
        cut: whether a longer text is cut; otherwise it is refused.
    """

    def __init__(self, max_characters: int, *, cut: bool = False, **options: Any) -> None:
        self._max_characters = max_characters
        self._cut = cut
        self._expected = f"1 to {max_characters} characters without control characters and marks of direction"
        lengths = {"minLength": 1} if cut else {"minLength": 1, "maxLength": max_characters}
        super().__init__(error_messages=error_messages(self._expected), **documented(options, **lengths))

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> str:
        sent = super()._deserialize(value, attr, data, **options)
        max_units = MAX_UNITS_PER_CHARACTER * self._max_characters
        self._check_length(sent, max_units)
        text = sent[:max_units]
        if not text.isascii():
            text = unicodedata.normalize("NFC", limit_marks(text))
        text = _BREAKS.sub(" ", text).strip()
        self._check_length(text, self._max_characters)
        if not text:
            raise ValidationError(f"has no characters; {self._expected}")
        if _CONTROLS.search(text):
            raise ValidationError(f"contains a control character; {self._expected}")
        if turns := _TURNS.search(text):
            fault = f"contains U+{ord(turns[0]):04X}, which changes the direction of text"
            raise ValidationError(f"{fault}; {self._expected}")
        if not is_visible(text):
            raise ValidationError(f"has no visible character; {self._expected}")
        if len(sent) > max_units or len(text) > self._max_characters:
            return CutText(cut_text(text, self._max_characters))
        return text

    def _check_length(self, text: str, max_characters: int) -> None:
        if len(text) > max_characters and not self._cut:
            raise ValidationError(f"has {len(text)} characters; {self._expected}")


class CutText(str):
    """A text that was cut."""

    __slots__ = ()


def limit_marks(text: str) -> str:
    """Leave out the combining marks that follow `MAX_MARKS` others."""
    kept, marks = [], 0
    for character in text:
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks <= MAX_MARKS:
            kept.append(character)
    return "".join(kept)


def cut_text(text: str, max_characters: int) -> str:
    """Cut a text to a length, with an ellipsis, and not inside of what is shown as one character."""
    end = max_characters - 1
    for _ in range(_MAX_JOINED):
        if not 0 < end < len(text) or not _is_joined(text[end - 1], text[end]):
            break
        end -= 1
    return text[:end].rstrip() + ELLIPSIS


def _is_joined(left: str, right: str) -> bool:
    return left == _ZERO_WIDTH_JOINER or bool(unicodedata.combining(right) or _MODIFIERS.fullmatch(right))


def is_visible(text: str) -> bool:
    """Return whether a text shows anything."""
    return any(
        unicodedata.category(character) not in _INVISIBLE_CATEGORIES and character not in _INVISIBLE
        for character in text
    )


def drop_controls(text: str) -> str:
    """Leave out the control characters that stand for no space: they show nothing."""
    return _CONTROLS.sub("", text)


def takings_of_text(sent: Any, loaded: str | None) -> Iterator[str]:
    """Iterate over how a text was taken otherwise than it was sent, for the answer to its sender."""
    if not isinstance(sent, str) or loaded is None:
        return
    if isinstance(loaded, CutText):
        yield f"its first {len(loaded) - 1} characters"
    elif _BREAKS.search(drop_controls(sent).strip()):
        yield "one line"
    if _CONTROLS.search(sent):
        yield "without control characters"
