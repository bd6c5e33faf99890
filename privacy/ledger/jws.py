"""JSON Web Signatures (RFC 7515) as text: attached, or detached from a payload that stands elsewhere.

Taking them apart proves nothing; that is `privacy.signing.jwks`. The public plane needs no more than
this, so nothing here knows a key.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import NamedTuple

from privacy.errors import SignatureError

_PARTS = 3


class Jws(NamedTuple):
    """A signature, taken apart.

    Args:
        protected: the protected header.
        payload: what is signed; empty where it is detached.
        signature: over both.
    """

    protected: bytes
    payload: bytes
    signature: bytes

    @classmethod
    def read(cls, text: str) -> Jws:
        """Take a compact signature apart.

        Raises:
            SignatureError: it is none.
        """
        parts = text.split(".")
        if len(parts) != _PARTS:
            raise SignatureError("is no compact JWS")
        return cls(*map(from_base64url, parts))

    def text(self) -> str:
        """The compact form; detached, it has nothing between its two dots (RFC 7515, appendix F)."""
        return ".".join(map(base64url, self))


def signing_input(protected: bytes, payload: bytes) -> bytes:
    """What is signed, for a header and a payload, attached or not."""
    return f"{base64url(protected)}.{base64url(payload)}".encode()


def base64url(raw: bytes) -> str:
    """Spell bytes as JOSE does, without padding."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    """Read what `base64url` spells, and no other spelling of it.

    Raises:
        SignatureError: it is none.
    """
    try:
        raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError as error:
        raise SignatureError("is not base64url") from error
    if base64url(raw) != text:
        raise SignatureError("is not base64url")
    return raw
