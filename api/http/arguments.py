"""Checks path, query and body arguments against an operation's marshmallow schemas."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from marshmallow import Schema, ValidationError, fields

from privacy.errors import InvalidInputError
from privacy.model.identifier import IDENTIFIER_PATTERN, check_identifier
from privacy.model.timestamp import MS_PER_DAY, RFC_3339, parse_timestamp_ms

if TYPE_CHECKING:
    from werkzeug.datastructures import MultiDict

_MAX_SHOWN_CHARACTERS = 40
_MAX_DIGITS = 9
_DAY_RULE = "a UTC day as in 2026-05-04, or its begin as in 2026-05-04T00:00:00Z"
_DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DIGITS = re.compile(f"0|[1-9][0-9]{{0,{_MAX_DIGITS - 1}}}")


class Identifier(fields.String):
    """An identifier from outside; the rule is `privacy.model.identifier`."""

    def __init__(self, **options: Any) -> None:
        metadata = {"pattern": f"^{IDENTIFIER_PATTERN}$", **options.pop("metadata", {})}
        super().__init__(metadata=metadata, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> str:
        text = super()._deserialize(value, attr, data, **options)
        try:
            return check_identifier(attr or "id", str(text))
        except InvalidInputError as error:
            raise ValidationError(f"{error.message}; {error.expected}") from error


class IdentifierList(fields.List[str]):
    """Identifiers in one query parameter, separated by commas.

    Args:
        max_items: the maximum number of identifiers.
    """

    def __init__(self, max_items: int, **options: Any) -> None:
        metadata = {"minItems": 1, "maxItems": max_items, **options.pop("metadata", {})}
        super().__init__(Identifier(), metadata=metadata, **options)
        self.max_items = max_items

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> list[Any]:
        texts = str(value).split(",")
        if len(texts) > self.max_items:
            raise ValidationError(f"lists {len(texts)} ids; at most {self.max_items}")
        return [self.inner.deserialize(text, attr, data, **options) for text in texts]


class NameList(fields.List[str]):
    """Names in a list, or separated by commas in one text; loaded in order, each once.

    Args:
        max_items: how many at most.
        parse: returns one of them as it is meant, or raises a `ValidationError`.
        min_items: how few at least.
    """

    def __init__(
        self, max_items: int, parse: Callable[[str], str], min_items: int = 1, **options: Any
    ) -> None:
        metadata = {"minItems": min_items, "maxItems": max_items, **options.pop("metadata", {})}
        super().__init__(fields.String(), metadata=metadata, **options)
        self.max_items = max_items
        self.min_items = min_items
        self.parse = parse

    def _deserialize(self, value: Any, *_given: Any, **_options: Any) -> list[Any]:
        names = value.split(",") if isinstance(value, str) else value
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ValidationError("is no list of texts; a list, or one text with commas")
        if not self.min_items <= len(names) <= self.max_items:
            raise ValidationError(f"lists {len(names)}; {self.min_items} to {self.max_items}")
        return [*dict.fromkeys(self.parse(name.strip()) for name in names)]


class UtcDay(fields.String):
    """A day in UTC, or the time at which it begins, loaded as that time in ms since 1970 UTC."""

    def __init__(self, **options: Any) -> None:
        metadata = {"format": "date", "example": "2026-05-04", **options.pop("metadata", {})}
        super().__init__(metadata=metadata, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> Any:
        text = super()._deserialize(value, attr, data, **options)
        is_time = RFC_3339.fullmatch(text)
        try:
            begin_ms = parse_timestamp_ms(text if is_time else f"{text}T00:00:00Z")
        except ValueError as error:
            raise ValidationError(f"is no day of the calendar; {_DAY_RULE}") from error
        if begin_ms % MS_PER_DAY:
            raise ValidationError(f"is a time within a day; {_DAY_RULE}")
        return begin_ms


class Moment(fields.String):
    """A time with its zone, or a day in UTC for its begin, loaded as ms since 1970 UTC."""

    def __init__(self, **options: Any) -> None:
        metadata = {"format": "date-time", "example": "2026-05-04T12:00:00Z", **options.pop("metadata", {})}
        super().__init__(metadata=metadata, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> Any:
        text = super()._deserialize(value, attr, data, **options)
        try:
            return parse_timestamp_ms(f"{text}T00:00:00Z" if _DAY.fullmatch(text) else text)
        except ValueError as error:
            raise ValidationError(f"{error}, or a UTC day as in 2026-05-04") from error


class PlainInteger(fields.Integer):
    """A whole number in a single form: at most nine decimal digits, no sign, no space, no leading zero."""

    def __init__(self, **options: Any) -> None:
        bounds = {} if "validate" in options else {"minimum": 0, "maximum": 10**_MAX_DIGITS - 1}
        super().__init__(metadata={**bounds, **options.pop("metadata", {})}, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> Any:
        if not _DIGITS.fullmatch(str(value)):
            raise ValidationError("is not a whole number; decimal digits without a leading zero")
        return super()._deserialize(value, attr, data, **options)


def load_path(
    schema_fields: Mapping[str, fields.Field[Any]], arguments: Mapping[str, str]
) -> Mapping[str, Any]:
    """Load path arguments field by field; this runs on every request, so it avoids a schema's overhead.

    Raises:
        InvalidInputError: an argument breaks its rule.
    """
    loaded = {}
    for name, value in arguments.items():
        try:
            loaded[name] = schema_fields[name].deserialize(value, name, arguments)
        except ValidationError as error:
            raise _to_input_error(schema_fields, {name: error.messages}) from error
    return loaded


def load_query(schema: Schema | None, arguments: MultiDict[str, str]) -> Mapping[str, Any]:
    """Load a query in which every parameter is known, and none but a list is repeated.

    A list may be one parameter, separated by commas, or a parameter for each item, whose name may end with
    `[]`: some libraries write no other.

    Raises:
        InvalidInputError: a parameter is unknown, repeated or breaks its rule.
    """
    known = schema.fields if schema else {}
    found: dict[str, list[str]] = {}
    for sent_name, values in arguments.lists():
        name = sent_name.removesuffix("[]")
        is_list = isinstance(known.get(name), IdentifierList | NameList)
        if name not in known or not (is_list or name == sent_name):
            raise _unknown_parameter(sent_name[:_MAX_SHOWN_CHARACTERS], [*known])
        if len(values) > 1 and not is_list:
            raise InvalidInputError(name, f"is given {len(values)} times", "each parameter at most once")
        found.setdefault(name, []).extend(values)
    return load(schema, {name: ",".join(values) for name, values in found.items()}) if schema else {}


def load(schema: Schema, document: Any) -> Any:
    """Load a document with a schema; the first violation becomes the error.

    Raises:
        InvalidInputError: the document violates the schema; `field` is the path, as in `profile.region`.
    """
    try:
        return schema.load(document)
    except ValidationError as error:
        raise _to_input_error(schema.fields, error.messages) from error


def _unknown_parameter(name: str, known: list[str]) -> InvalidInputError:
    takes = f"takes {', '.join(f'`{other}`' for other in known)}" if known else "takes none"
    return InvalidInputError(
        name,
        "is not a query parameter of this operation",
        f"one of {', '.join(known)}" if known else "no query parameters",
        detail=f"Unknown query parameter `{name}`; this operation {takes}.",
    )


def _to_input_error(schema_fields: Mapping[str, fields.Field[Any]], messages: Any) -> InvalidInputError:
    path: list[str] = []
    while isinstance(messages, dict):
        name, messages = next(iter(messages.items()))
        if name != "_schema":
            path.append(str(name)[:_MAX_SHOWN_CHARACTERS])
    text = str(messages[0] if isinstance(messages, list) and messages else messages)
    # Our own validators say "message; expected". For marshmallow's, the field's description says the rest.
    message, _, expected = text.partition("; ")
    if not expected:
        message = message[:1].lower() + message[1:].rstrip(".")
        field = schema_fields.get(path[0]) if path else None
        described = str(field.metadata.get("description", "")) if field else ""
        expected = described.rstrip(".") or "a value as described in openapi.yaml"
    return InvalidInputError(".".join(path) or "body", message, expected)
