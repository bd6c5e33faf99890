"""Who asks, and what it may read: what every credential turns into once it is checked.

A credential is limited to creators if it was made for some of them. Such a reader gets nothing about others:
operations that do not look at this are closed to it.
"""

from __future__ import annotations

import re
from typing import Final, Literal

import msgspec
from werkzeug.exceptions import Forbidden

from privacy.errors import InvalidInputError
from privacy.model.identifier import check_identifier

Limited = Literal["refused", "checked", "open"]
"""What becomes of a reader that is limited to creators: the operation refuses it, the handler checks what is
asked for, or the response is the same for everybody, because it names no creator and no video."""
CREDENTIALS: Final = ("key", "share", "token")
"""An API key, a share link, an access token of the platform's authorization server."""
MAX_CREATORS: Final = 100
MAX_ORIGINS: Final = 20
ORIGIN_RULE: Final = "https://host or https://host:port, in lower case and without a path"
_ORIGIN = re.compile(r"https?://(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::[1-9][0-9]{0,4})?")


class ReaderLimits(msgspec.Struct, frozen=True):
    """What a credential is limited to.

    Args:
        creators: ids of the creators that it reads; None for all.
        origins: origins of the web pages that may use it; none for no such limit.

    Raises:
        InvalidInputError: an id or an origin is none, or there are too many, or no creator.
    """

    creators: tuple[str, ...] | None = None
    origins: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.creators is not None:
            if not 0 < len(self.creators) <= MAX_CREATORS:
                raise InvalidInputError("creators", f"are {len(self.creators)}", f"1 to {MAX_CREATORS} ids")
            for creator_id in self.creators:
                check_identifier("creators", creator_id)
        if len(self.origins) > MAX_ORIGINS:
            raise InvalidInputError("origins", f"are {len(self.origins)}", f"at most {MAX_ORIGINS}")
        for origin in self.origins:
            if not is_origin(origin):
                raise InvalidInputError("origins", f"list {origin!r}", ORIGIN_RULE)


UNLIMITED: Final = ReaderLimits()


class Caller(msgspec.Struct, frozen=True):
    """The owner of a credential that was checked.

    Args:
        key_id: names the credential; its requests are counted under this name.
        owner: whom it was made for.
        scopes: what it may do.
        requests_per_minute: its rate limit.
        creators: ids of the creators that it may read; None for all.
        origins: origins of the web pages that may use it; none for no such limit.
        expires_at_ms: when it expires, in ms since 1970 UTC.
        credential: what it is, of `CREDENTIALS`.
    """

    key_id: str
    owner: str
    scopes: frozenset[str]
    requests_per_minute: int
    creators: frozenset[str] | None = None
    origins: frozenset[str] = frozenset()
    expires_at_ms: int = 0
    credential: str = "key"


def is_origin(text: str) -> bool:
    """Return whether a text is the origin of a web page, in the form in which browsers send it."""
    return _ORIGIN.fullmatch(text) is not None


def require_scope(caller: Caller, scope: str) -> None:
    """Check that a caller has a scope.

    Raises:
        Forbidden: it lacks the scope (403).
    """
    if scope not in caller.scopes:
        raise Forbidden(f"This operation requires an API key with the scope `{scope}`.")


def require_unlimited(caller: Caller, limited: Limited) -> None:
    """Check that an operation is open to a caller that is limited to creators.

    Raises:
        Forbidden: it is not (403).
    """
    if limited == "refused" and caller.creators is not None:
        raise Forbidden("This API key reads single creators; this operation is about all of them.")


def require_origin(caller: Caller, origin: str | None) -> None:
    """Check that a credential that is limited to web pages is used by one of them.

    Raises:
        Forbidden: the request names another origin, or none (403).
    """
    if caller.origins and origin not in caller.origins:
        raise Forbidden("This API key works in web pages of its own origins only: `Origin` is none of them.")


def split_list(text: str) -> tuple[str, ...]:
    """Return the parts of a list that is separated by commas, each once, ordered, without white space."""
    return tuple(sorted({part for part in map(str.strip, text.split(",")) if part}))
