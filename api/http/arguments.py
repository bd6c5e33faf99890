"""Checks path, query and body arguments against an operation's marshmallow schemas."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from marshmallow import Schema, ValidationError, fields

from privacy.errors import InvalidInputError
from privacy.model.identifier import IDENTIFIER_PATTERN, check_identifier

if TYPE_CHECKING:
    from werkzeug.datastructures import MultiDict

_SHOWN_CHARACTERS = 40
_MAX_DIGITS = 9
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
            raise ValidationError(f"{error.fault}; {error.rule}") from error


class IdentifierList(fields.List[str]):
    """Identifiers with commas between them, in one query parameter.

    Args:
        most: how many at most.
    """

    def __init__(self, most: int, **options: Any) -> None:
        metadata = {"minItems": 1, "maxItems": most, **options.pop("metadata", {})}
        super().__init__(Identifier(), metadata=metadata, **options)
        self.most = most

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> list[Any]:
        texts = str(value).split(",")
        if len(texts) > self.most:
            raise ValidationError(f"lists {len(texts)} ids; at most {self.most}")
        return [self.inner.deserialize(text, attr, data, **options) for text in texts]


class PlainInteger(fields.Integer):
    """A whole number in one spelling: at most nine decimal digits, no sign, no space, no leading zero."""

    def __init__(self, **options: Any) -> None:
        bounds = {} if "validate" in options else {"minimum": 0, "maximum": 10**_MAX_DIGITS - 1}
        super().__init__(metadata={**bounds, **options.pop("metadata", {})}, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> Any:
        if not _DIGITS.fullmatch(str(value)):
            raise ValidationError("is no whole number; decimal digits")
        return super()._deserialize(value, attr, data, **options)


def load_path(
    schema_fields: Mapping[str, fields.Field[Any]], arguments: Mapping[str, str]
) -> Mapping[str, Any]:
    """Check path arguments field by field: on every request, so without a schema's machinery.

    Raises:
        InvalidInputError: one of them breaks its rule.
    """
    loaded = {}
    for name, value in arguments.items():
        try:
            loaded[name] = schema_fields[name].deserialize(value, name, arguments)
        except ValidationError as error:
            raise _invalid(schema_fields, {name: error.messages}) from error
    return loaded


def load_query(schema: Schema | None, arguments: MultiDict[str, str]) -> Mapping[str, Any]:
    """Check a query: every parameter known, none given twice.

    Raises:
        InvalidInputError: a parameter is unknown, repeated or breaks its rule.
    """
    known = schema.fields if schema else {}
    for name, values in arguments.lists():
        if name not in known:
            rule = f"one of {', '.join(known)}" if known else "no parameters at all"
            raise InvalidInputError(name[:_SHOWN_CHARACTERS], "is not a parameter of this operation", rule)
        if len(values) > 1:
            raise InvalidInputError(name, f"is given {len(values)} times", "each parameter once")
    return load(schema, arguments.to_dict()) if schema else {}


def load(schema: Schema, document: Any) -> Any:
    """Load a document with a schema; the first thing wrong with it becomes the error.

    Raises:
        InvalidInputError: the document breaks the schema; `field` is the path to it, as in `profile.region`.
    """
    try:
        return schema.load(document)
    except ValidationError as error:
        raise _invalid(schema.fields, error.messages) from error


def _invalid(schema_fields: Mapping[str, fields.Field[Any]], messages: Any) -> InvalidInputError:
    path: list[str] = []
    while isinstance(messages, dict):
        name, messages = next(iter(messages.items()))
        if name != "_schema":
            path.append(str(name)[:_SHOWN_CHARACTERS])
    message = messages[0] if isinstance(messages, list) and messages else str(messages)
    # Validators of our own say "fault; rule". Marshmallow's only say the fault: the description rules.
    fault, _, rule = str(message).partition("; ")
    described = (
        schema_fields[path[0]].metadata.get("description") if path and path[0] in schema_fields else None
    )
    return InvalidInputError(
        ".".join(path) or "body", fault, rule or described or "as openapi.yaml describes it"
    )
