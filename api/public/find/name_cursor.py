"""Opaque cursors that name the last item of a page, for lists whose order does not follow from integers."""

from base64 import urlsafe_b64decode, urlsafe_b64encode

from api.http.pagination import CURSOR_RULE
from privacy.errors import InvalidInputError


def encode_name(listing: str, name: str) -> str:
    """Encodes the name of an item.

    Args:
        listing: name of the list, without a colon, so that a cursor of another list is refused.
        name: the item.
    """
    return urlsafe_b64encode(f"{listing}:{name}".encode()).decode().rstrip("=")


def decode_name(listing: str, cursor: str) -> str:
    """Decodes the name of an item; only the exact text that `encode_name` returns is accepted.

    Raises:
        InvalidInputError: it is not a cursor of this list.
    """
    try:
        plain = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except ValueError as error:
        raise make_cursor_error() from error
    named, _, name = plain.partition(":")
    if named != listing or not name or encode_name(listing, name) != cursor:
        raise make_cursor_error()
    return name


def make_cursor_error() -> InvalidInputError:
    """Returns the error of a cursor that does not belong to a list."""
    return InvalidInputError("cursor", "is not a cursor of this list", CURSOR_RULE)
