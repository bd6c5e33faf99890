"""Lists of the moderation API, which are read page by page: cursors, and the schema's field for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from marshmallow import fields

from api.http.pagination import decode_cursor, encode_cursor

if TYPE_CHECKING:
    from api.http.operation import Call


class Listing(NamedTuple):
    """A list.

    Args:
        name: so that a cursor of another one is refused.
        numbers: how many a position has.
    """

    name: str
    numbers: int

    def asked_for(self, call: Call) -> tuple[tuple[int, ...] | None, int]:
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
