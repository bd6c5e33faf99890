"""Fields of what the platform plane takes in. Each says `fault; rule`, as `api.http.arguments` expects it."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from marshmallow import ValidationError, fields

from api.http.arguments import Identifier
from privacy.model.identifier import IDENTIFIER_RULE
from privacy.model.sandbox import TARGET_PREFIX
from privacy.model.timestamp import TIMESTAMP_RULE, parse_timestamp_ms


def messages(rule: str, kind: str = "text") -> dict[str, str | list[Any] | dict[Any, Any]]:
    """A field's error messages.

    Args:
        rule: what a right value looks like.
        kind: the JSON type it must have.
    """
    return {
        "required": f"is missing; {rule}",
        "null": f"is null; {rule}",
        "invalid": f"is no {kind}; {rule}",
        "type": f"is no {kind}; {rule}",
    }


class Timestamp(fields.String):
    """A time that names its zone, loaded as ms since 1970 UTC."""

    def __init__(self, **options: Any) -> None:
        super().__init__(error_messages=messages(TIMESTAMP_RULE), **_documented(options, format="date-time"))

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> Any:
        text = super()._deserialize(value, attr, data, **options)
        try:
            return parse_timestamp_ms(text)
        except ValueError as error:
            raise ValidationError(str(error)) from error


class PublicId(Identifier):
    """An identifier of something public: a video, a creator, a sound. The sandbox's are its own."""

    def __init__(self, **options: Any) -> None:
        super().__init__(error_messages=messages(IDENTIFIER_RULE), **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> str:
        text = super()._deserialize(value, attr, data, **options)
        if text.startswith(TARGET_PREFIX):
            raise ValidationError(f"begins with {TARGET_PREFIX}; what begins so belongs to the sandbox")
        return text


class AccountId(Identifier):
    """An identifier of an account. A fault never repeats it: answers are kept for repeated requests."""

    def __init__(self, **options: Any) -> None:
        super().__init__(error_messages=messages(IDENTIFIER_RULE), **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> str:
        try:
            return super()._deserialize(value, attr, data, **options)
        except ValidationError as error:
            raise ValidationError(f"is no identifier; {IDENTIFIER_RULE}") from error


class DisplayText(fields.String):
    """Text that people read, loaded in Unicode's composed form (NFC): one spelling for what looks the same.

    Args:
        max_characters: after composition.
    """

    def __init__(self, max_characters: int, **options: Any) -> None:
        self._max_characters = max_characters
        self._rule = f"1 to {max_characters} characters without control characters"
        documented = _documented(options, minLength=1, maxLength=max_characters)
        super().__init__(error_messages=messages(self._rule), **documented)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> str:
        text = unicodedata.normalize("NFC", super()._deserialize(value, attr, data, **options))
        if not 1 <= len(text) <= self._max_characters:
            raise ValidationError(f"has {len(text)} characters; {self._rule}")
        if _UNDISPLAYABLE.search(text):
            raise ValidationError(f"holds a control character; {self._rule}")
        return text


class Hashtag(DisplayText):
    """A hashtag without its `#`."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> str:
        text = super()._deserialize(value, attr, data, **options)
        if "#" in text or any(map(str.isspace, text)):
            raise ValidationError("holds # or a space; a hashtag without its #")
        return text


_UNDISPLAYABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufffe\uffff]")
"""Controls, line separators, and what turns the direction of other text around (Unicode TR 36)."""


def _documented(options: dict[str, Any], **schema: Any) -> dict[str, Any]:
    return {**options, "metadata": {**schema, **options.get("metadata", {})}}
