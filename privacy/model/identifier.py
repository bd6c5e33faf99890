"""The rule for external identifiers: accounts, videos, creators, sounds."""

import re

from privacy.errors import InvalidInputError

MAX_IDENTIFIER_CHARACTERS = 128
IDENTIFIER_CHARACTERS = "[A-Za-z0-9._~:-]"
"""ASCII only, so that no two spellings look alike; no braces, which would select a Redis Cluster slot."""
IDENTIFIER_PATTERN = rf"(?!\.{{1,2}}$){IDENTIFIER_CHARACTERS}{{1,{MAX_IDENTIFIER_CHARACTERS}}}"
"""Without `.` and `..`: clients and proxies remove such segments from a path (RFC 3986, 5.2.4)."""
IDENTIFIER_RULE = (
    "1 to 128 characters of A-Z, a-z, 0-9, dot, underscore, tilde, colon and hyphen; not . and not .."
)

_IDENTIFIER = re.compile(IDENTIFIER_PATTERN)
_SHOWN_CHARACTERS = 40


def check_identifier(field: str, text: str) -> str:
    """Return the identifier if it is valid.

    Args:
        field: name of the field in the API, for the message.
        text: the identifier.

    Raises:
        InvalidInputError: the identifier is not valid.
    """
    if _IDENTIFIER.fullmatch(text):
        return text
    if not text:
        fault = "is empty"
    elif len(text) > MAX_IDENTIFIER_CHARACTERS:
        fault = f"has {len(text)} characters"
    else:
        fault = f"is {text[:_SHOWN_CHARACTERS]!r}"
    raise InvalidInputError(field, fault, IDENTIFIER_RULE)
