"""Arguments against schemas: one clear error at a time."""

from typing import Any
from urllib.parse import parse_qsl

import pytest
from marshmallow import Schema, fields
from marshmallow.validate import Range
from werkzeug.datastructures import MultiDict

from api.http.arguments import Identifier, IdentifierList, PlainInteger, load, load_path, load_query
from privacy.errors import InvalidInputError


class InnerSchema(Schema):
    """A part of a body."""

    region = Identifier(required=True)


class QuerySchema(Schema):
    """The usual query."""

    ids = IdentifierList(3)
    limit = PlainInteger(load_default=5, validate=Range(1, 9), metadata={"description": "1 to 9."})


class BodySchema(Schema):
    """The usual body."""

    name = fields.String(required=True)
    profile = fields.Nested(InnerSchema)
    tags = fields.List(Identifier())


def field_and_message(error: pytest.ExceptionInfo[InvalidInputError]) -> tuple[str, str]:
    """Return field and message of an error."""
    return error.value.field, error.value.message


@pytest.mark.parametrize(
    ("query", "loaded"),
    [
        ("", {"limit": 5}),
        ("limit=9", {"limit": 9}),
        ("ids=b,a,b", {"ids": ["b", "a", "b"], "limit": 5}),
        ("ids=b&ids=a,b", {"ids": ["b", "a", "b"], "limit": 5}),
        ("ids[]=b&ids[]=a&ids=b", {"ids": ["b", "a", "b"], "limit": 5}),
    ],
)
def test_valid_queries(query: str, loaded: dict[str, Any]) -> None:
    """A query is loaded with its defaults, in its own order."""
    assert load_query(QuerySchema(), MultiDict(parse_qsl(query))) == loaded


@pytest.mark.parametrize(
    ("pairs", "field", "message"),
    [
        ([("a", "1")], "a", "is not a query parameter of this operation"),
        ([("LIMIT", "1")], "LIMIT", "is not a query parameter of this operation"),
        ([("limit", "1"), ("limit", "1")], "limit", "is given 2 times"),
        ([("limit", "01")], "limit", "is not a whole number"),
        ([("limit", "\u0661")], "limit", "is not a whole number"),
        ([("limit", "10")], "limit", "must be greater than or equal to 1 and less than or equal to 9"),
        ([("ids", "a,b,c,d")], "ids", "lists 4 ids"),
        ([("ids", "a,,b")], "ids", "is empty"),
        ([("ids", "a,b"), ("ids[]", "c"), ("ids", "d")], "ids", "lists 4 ids"),
        ([("limit[]", "1")], "limit[]", "is not a query parameter of this operation"),
        ([("ids[][]", "a")], "ids[][]", "is not a query parameter of this operation"),
        ([("x" * 999, "1")], "x" * 40, "is not a query parameter of this operation"),
    ],
)
def test_invalid_queries(pairs: list[tuple[str, str]], field: str, message: str) -> None:
    """The first violation in a query is reported with its field."""
    with pytest.raises(InvalidInputError) as caught:
        load_query(QuerySchema(), MultiDict(pairs))
    assert field_and_message(caught) == (field, message)


def test_a_query_where_none_belongs() -> None:
    """The error says that the operation takes no parameters."""
    with pytest.raises(
        InvalidInputError, match=r"^Unknown query parameter `a`; this operation takes none\.$"
    ):
        load_query(None, MultiDict([("a", "1")]))


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": 1}, "name"),
        ({}, "name"),
        ({"name": "a", "other": 1}, "other"),
        ({"name": "a", "profile": {"region": "{}"}}, "profile.region"),
        ({"name": "a", "profile": []}, "profile"),
        ({"name": "a", "tags": ["a", "b c"]}, "tags.1"),
        ([], "body"),
        ("text", "body"),
        (None, "body"),
    ],
)
def test_the_path_to_the_error(body: Any, field: str) -> None:
    """An error deep inside a body is reported with its whole path."""
    with pytest.raises(InvalidInputError) as caught:
        load(BodySchema(), body)
    assert caught.value.field == field
    assert caught.value.expected


def test_path_arguments() -> None:
    """Path arguments are checked one by one, and named."""
    path_fields = InnerSchema().fields
    assert load_path(path_fields, {"region": "de"}) == {"region": "de"}
    with pytest.raises(InvalidInputError, match=r"^`region` is 'd e'; expected 1 to 128 characters of"):
        load_path(path_fields, {"region": "d e"})


def test_a_library_error_takes_its_expected_value_from_the_description() -> None:
    """If marshmallow only says what is wrong, the field's description is the expected value."""
    with pytest.raises(InvalidInputError) as caught:
        load_query(QuerySchema(), MultiDict([("limit", "0")]))
    assert caught.value.expected == "1 to 9"
