"""Types of fields of the platform plane. Nothing is coerced.

Every error message has the form `message; expected`, which `api.http.arguments.load` splits.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from marshmallow import Schema, ValidationError, fields
from marshmallow.validate import OneOf

from api.http.arguments import Identifier
from privacy.intake.taken import Taken
from privacy.model.identifier import IDENTIFIER_RULE
from privacy.model.sandbox import TARGET_PREFIX
from privacy.model.timestamp import TIMESTAMP_RULE, parse_timestamp_ms

ABSENT: Final = "absent"
"""How a value of an optional field is taken that cannot be read."""


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


class LeftOutIfOdd(fields.Field[Any]):
    """An optional field: a value that cannot be read is taken as absent, and costs nothing else.

    It comes before the type of the field in a list of bases.
    """

    def deserialize(self, value: Any, attr: str | None = None, data: Any = None, **options: Any) -> Any:
        """Load a value; None if it cannot be read."""
        try:
            return super().deserialize(value, attr, data, **options)
        except ValidationError:
            return None


def takings_of_absent(names: Iterable[str], sent: dict[str, Any], loaded: dict[str, Any]) -> Iterator[Taken]:
    """Iterate over the fields that have a value and were taken as absent."""
    for name in names:
        if sent.get(name) is not None and loaded.get(name) is None:
            yield Taken(name, ABSENT)


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


class OptionalPublicId(PublicId):
    """An identifier that may be absent; a blank one is, and another text must be right."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_none=True, **options)

    def deserialize(self, value: Any, attr: str | None = None, data: Any = None, **options: Any) -> Any:
        """Load an identifier; None if it is blank."""
        if is_blank(value):
            return None
        return super().deserialize(value, attr, data, **options)


def is_blank(value: Any) -> bool:
    """Return whether a value is a text of nothing but spaces."""
    return isinstance(value, str) and not value.strip()


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
