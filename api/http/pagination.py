"""Pages of a list, and the opaque cursors that lead from one to the next."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import NamedTuple

from marshmallow import Schema, fields
from marshmallow.validate import Range

from api.http.arguments import PlainInteger
from api.http.operation import Request
from privacy.errors import InvalidInputError

MAX_PAGE_SIZE = 200
CURSOR_RULE = "a next_cursor from an answer of this operation"
_POSITION = re.compile(r"(?:0|[1-9][0-9]{0,14})(?:\.(?:0|[1-9][0-9]{0,14}))*")


class PageSchema(Schema):
    """Which page of a list."""

    cursor = fields.String(
        metadata={"description": "`next_cursor` of the page before; the first page if absent."}
    )
    limit = PlainInteger(
        load_default=100,
        validate=Range(1, MAX_PAGE_SIZE),
        metadata={"description": f"Entries on a page, 1 to {MAX_PAGE_SIZE}."},
    )


def encode_cursor(listing: str, position: tuple[int, ...]) -> str:
    """Spell a position.

    Args:
        listing: name of the list, so that a cursor of another one is refused.
        position: non-negative integers.
    """
    plain = f"{listing}:{'.'.join(map(str, position))}"
    return urlsafe_b64encode(plain.encode()).decode().rstrip("=")


def decode_cursor(listing: str, numbers: int, cursor: str) -> tuple[int, ...]:
    """Read a position of so many numbers; only the one spelling that `encode_cursor` gives is accepted.

    Raises:
        InvalidInputError: it is no cursor of this list.
    """
    try:
        plain = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
    except ValueError as error:
        raise _invalid() from error
    name, _, spelled = plain.partition(":")
    if name != listing or not _POSITION.fullmatch(spelled):
        raise _invalid()
    position = tuple(map(int, spelled.split(".")))
    if len(position) != numbers or encode_cursor(listing, position) != cursor:
        raise _invalid()
    return position


def _invalid() -> InvalidInputError:
    return InvalidInputError("cursor", "is no cursor of this list", CURSOR_RULE)


class Listing(NamedTuple):
    """A list.

    Args:
        name: so that a cursor of another one is refused.
        numbers: how many a position has.
    """

    name: str
    numbers: int

    def asked_for(self, call: Request) -> tuple[tuple[int, ...] | None, int]:
        """Position behind which the page begins, None for the first one; and how many entries it may have.

        Raises:
            InvalidInputError: the cursor is none of this list.
        """
        cursor = call.query.get("cursor")
        position = None if cursor is None else decode_cursor(self.name, self.numbers, cursor)
        return position, call.query["limit"]

    def cursor(self, position: tuple[int, ...] | None) -> str | None:
        """What leads to the next page; None at the end."""
        return None if position is None else encode_cursor(self.name, position)


def next_cursor(what: str) -> fields.String:
    """The field of a page's answer.

    Args:
        what: the entries that it leads to.
    """
    description = f"Leads to {what} ones; null at the end."
    return fields.String(required=True, allow_none=True, metadata={"description": description})
