"""All credentials of the public plane: API keys, the keys in share links, and access tokens."""

import re
from typing import Final, Protocol

from api.http.api_keys import Authenticator
from api.http.caller import Caller

_JWT: Final = re.compile(r"(?i:bearer) +(ey[^ ]*\.[^ ]*)")
"""A token whose header is a JSON object, as all JWTs begin; no API key does."""


class TokenChecker(Protocol):
    """Checks access tokens; the one that does is loaded only where there is an authorization server."""

    def check(self, token: str, now_ms: int) -> Caller:
        """Returns who asks."""


class Credentials:
    """Checks whatever a reader may send.

    Args:
        keys: checks API keys.
        tokens: checks access tokens; None where there is no authorization server.
    """

    def __init__(self, keys: Authenticator, tokens: TokenChecker | None) -> None:
        self._keys = keys
        self._tokens = tokens

    def check(self, authorization: str | None, now_ms: int) -> Caller:
        """Returns who asks.

        Raises:
            Unauthorized: the credential is missing, or not one that is accepted (401).
            StoreError: the store does not answer, or a record cannot be read.
        """
        token = _JWT.fullmatch(authorization or "") if self._tokens else None
        if self._tokens and token:
            return self._tokens.check(token[1], now_ms)
        return self._keys.check(authorization, now_ms)
