"""Lists in pages, and the opaque cursors that lead from one page to the next."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic

from marshmallow import Schema, fields
from marshmallow.validate import Range

from api.http.arguments import PlainInteger
from api.http.operation import Operation, Request, Response, ResponseDoc, Services_contra, json_response
from privacy.errors import InvalidInputError

MAX_PAGE_SIZE = 200
CURSOR_RULE = "a next_cursor that this operation has returned"
Position = tuple[int, ...]
"""A position in a list: non-negative integers."""
_POSITION = re.compile(r"(?:0|[1-9][0-9]{0,14})(?:\.(?:0|[1-9][0-9]{0,14}))*")


class PageSchema(Schema):
    """The page of a list."""

    cursor = fields.String(
        metadata={"description": "`next_cursor` of the previous page; the first page if absent."}
    )
    limit = PlainInteger(
        load_default=100,
        validate=Range(1, MAX_PAGE_SIZE, error=f"is out of range; 1 to {MAX_PAGE_SIZE}"),
        metadata={"description": f"Maximum number of items on the page, 1 to {MAX_PAGE_SIZE}."},
    )


def encode_cursor(listing: str, position: Position) -> str:
    """Encode a position.

    Args:
        listing: name of the list, so that a cursor of another list is refused.
        position: non-negative integers.
    """
    return encode_name(listing, ".".join(map(str, position)))


def decode_cursor(listing: str, integers: int, cursor: str, field: str = "cursor") -> Position:
    """Decode a position; only the exact text that `encode_cursor` returns is accepted.

    Args:
        listing: name of the list.
        integers: number of integers in a position.
        cursor: the text.
        field: name of the parameter that holds it.

    Raises:
        InvalidInputError: it is not a cursor of this list.
    """
    digits = decode_name(listing, cursor, field)
    if not _POSITION.fullmatch(digits):
        raise make_cursor_error(field)
    position = tuple(map(int, digits.split(".")))
    if len(position) != integers:
        raise make_cursor_error(field)
    return position


def encode_name(listing: str, name: str) -> str:
    """Encode the name of the last item of a page, for a list whose order does not follow from integers.

    Args:
        listing: name of the list, without a colon, so that a cursor of another list is refused.
        name: the item.
    """
    return urlsafe_b64encode(f"{listing}:{name}".encode()).decode().rstrip("=")


def decode_name(listing: str, cursor: str, field: str = "cursor") -> str:
    """Decode the name of an item; only the exact text that `encode_name` returns is accepted.

    Args:
        listing: name of the list.
        cursor: the text.
        field: name of the parameter that holds it.

    Raises:
        InvalidInputError: it is not a cursor of this list.
    """
    try:
        plain = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except ValueError as error:
        raise make_cursor_error(field) from error
    named, _, name = plain.partition(":")
    if named != listing or not name or encode_name(listing, name) != cursor:
        raise make_cursor_error(field)
    return name


def make_cursor_error(field: str = "cursor") -> InvalidInputError:
    """Return the error of a cursor that does not belong to a list."""
    return InvalidInputError(field, "is not a cursor of this list", CURSOR_RULE)


@dataclass(frozen=True)
class Listing(Generic[Services_contra]):
    """A GET operation that returns a list page by page.

    Args:
        path: path of the operation.
        operation_id: its name.
        tag: its tag in the API documentation.
        scope: the scope that an API key must have.
        summary: a few words.
        description: text for the API documentation.
        member: name of the list in the response.
        item: schema of an item, and an example.
        further: what later pages hold, in comparison: "older".
        integers: number of integers in a position.
        fetch: returns the items after a position (None for the first page), at most the given number of
            them, and the position of the next page (None at the end).
    """

    path: str
    operation_id: str
    tag: str
    scope: str
    summary: str
    description: str
    member: str
    item: tuple[type[Schema], Mapping[str, Any]]
    further: str
    integers: int
    fetch: Callable[[Services_contra, Position | None, int], tuple[Sequence[Any], Position | None]]

    def operation(self) -> Operation[Services_contra]:
        """Return the operation."""
        schema, example = self.item
        next_cursor = fields.String(
            required=True,
            allow_none=True,
            metadata={"description": f"Leads to {self.further} items; null on the last page."},
        )
        items = fields.List(fields.Nested(schema), required=True)
        page = Schema.from_dict(
            {self.member: items, "next_cursor": next_cursor},
            name=f"{schema.__name__.removesuffix('Schema')}Page",
        )
        return Operation(
            method="GET",
            path=self.path,
            operation_id=self.operation_id,
            summary=self.summary,
            description=self.description,
            tag=self.tag,
            scope=self.scope,
            handler=self._get_page,
            responses={
                200: ResponseDoc("A page.", page, {self.member: [dict(example)], "next_cursor": None})
            },
            query_schema=PageSchema,
        )

    def _get_page(self, services: Services_contra, request: Request) -> Response:
        cursor = request.query.get("cursor")
        after = None if cursor is None else decode_cursor(self.operation_id, self.integers, cursor)
        items, following = self.fetch(services, after, request.query["limit"])
        next_cursor = None if following is None else encode_cursor(self.operation_id, following)
        return json_response({self.member: items, "next_cursor": next_cursor})
