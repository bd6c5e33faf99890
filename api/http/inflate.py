"""Inflates a gzip body without ever holding more than its bound."""

from __future__ import annotations

import zlib

from werkzeug.exceptions import RequestEntityTooLarge

from privacy.errors import InvalidInputError

_GZIP_WINDOW_BITS = 16 + zlib.MAX_WBITS
GZIP_RULE = "one complete gzip member (RFC 1952) and nothing after it"


def inflate(raw: bytes, max_bytes: int) -> bytes:
    """Return what one gzip member holds.

    Raises:
        InvalidInputError: it is not one complete gzip member.
        RequestEntityTooLarge: it inflates to more than `max_bytes`; inflation stops there.
    """
    inflater = zlib.decompressobj(_GZIP_WINDOW_BITS)
    try:
        inflated = inflater.decompress(raw, max_bytes + 1)
    except zlib.error as error:
        raise InvalidInputError("body", "is not gzip", GZIP_RULE) from error
    if len(inflated) > max_bytes:
        raise RequestEntityTooLarge(f"The body inflates to more than {max_bytes} bytes.")
    if not inflater.eof or inflater.unused_data:
        raise InvalidInputError("body", "ends early or goes on after its end", GZIP_RULE)
    return inflated
