"""Types of fields of the platform plane. Nothing is coerced.

Every error message has the form `message; expected`, which `api.http.arguments.load` splits.
"""

from typing import Any

from marshmallow import Schema, ValidationError, fields
from marshmallow.validate import OneOf

from api.http.arguments import Identifier
from privacy.model.identifier import IDENTIFIER_RULE
from privacy.model.sandbox import TARGET_PREFIX
from privacy.model.timestamp import TIMESTAMP_RULE, parse_timestamp_ms


def error_messages(expected: str, json_type: str = "a string") -> dict[str, str | list[Any] | dict[Any, Any]]:
    """Return a field's error messages.

    Args:
        expected: describes a valid value.
        json_type: the JSON type that it must have, with its article.
    """
    return {
        "required": f"is missing; {expected}",
        "null": f"is null; {expected}",
        "invalid": f"is not {json_type}; {expected}",
        "type": f"is not {json_type}; {expected}",
    }


def documented(options: dict[str, Any], **schema: Any) -> dict[str, Any]:
    """Return options of a field, with more of its JSON schema."""
    return {**options, "metadata": {**schema, **options.get("metadata", {})}}


class StrictSchema(Schema):
    """An object that takes known fields only."""

    error_messages = {  # noqa: RUF012 - marshmallow's own way to say it, annotated in its base class
        "unknown": "is not a known field; a field that openapi.yaml names",
        "type": "is not an object; a JSON object",
    }


class Timestamp(fields.String):
    """A time with its zone, loaded as ms since 1970 UTC."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            error_messages=error_messages(TIMESTAMP_RULE), **documented(options, format="date-time")
        )

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> Any:
        text = super()._deserialize(value, attr, data, **options)
        try:
            return parse_timestamp_ms(text)
        except ValueError as error:
            raise ValidationError(str(error)) from error


class PublicId(Identifier):
    """An identifier of something public: a video, a creator, a sound. The sandbox has its own."""

    def __init__(self, **options: Any) -> None:
        super().__init__(error_messages=error_messages(IDENTIFIER_RULE), **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> str:
        text = super()._deserialize(value, attr, data, **options)
        if text.startswith(TARGET_PREFIX):
            raise ValidationError(
                f"begins with {TARGET_PREFIX}; an id without that prefix, which belongs to the sandbox"
            )
        return text


class AccountId(Identifier):
    """An identifier of an account. Its errors never repeat it, since responses are kept for repetitions."""

    def __init__(self, **options: Any) -> None:
        super().__init__(error_messages=error_messages(IDENTIFIER_RULE), **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> str:
        try:
            return super()._deserialize(value, attr, data, **options)
        except ValidationError as error:
            raise ValidationError(f"is not an identifier; {IDENTIFIER_RULE}") from error


class BoundedList(fields.List[Any]):
    """A list whose length is checked before its items are looked at.

    Args:
        inner: field of an item.
        max_items: the maximum number of items.
        expected: describes a valid value.
    """

    def __init__(self, inner: fields.Field[Any], max_items: int, expected: str, **options: Any) -> None:
        self._max_items = max_items
        super().__init__(inner, error_messages=error_messages(expected, "a list"), **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> list[Any]:
        if isinstance(value, list) and len(value) > self._max_items:
            raise ValidationError(f"are too many; at most {self._max_items}")
        return super()._deserialize(value, attr, data, **options)


class Flag(fields.Boolean):
    """A field that is true or false; nothing is coerced."""

    def __init__(self, description: str) -> None:
        super().__init__(
            required=True,
            error_messages=error_messages("true or false", "a boolean"),
            metadata={"description": description},
        )

    def _deserialize(self, value: Any, *_where: Any, **_options: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


def one_of(values: tuple[str, ...], **options: Any) -> fields.String:
    """Return a field that takes one of a few words."""
    expected = f"one of {', '.join(values)}"
    validate = OneOf(values, error=f"is not a known word; {expected}")
    return fields.String(validate=validate, error_messages=error_messages(expected), **options)
