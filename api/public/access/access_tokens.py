"""Access tokens of the platform's authorization server: JWTs as in RFC 9068.

A creator lets an app read their numbers at the platform. The platform's server then gives the app a token
that names these creators; a token that names none reads nothing.
"""

import hashlib
import re
from typing import Any, Final

import msgspec
from joserfc import jws
from joserfc.errors import ExpiredTokenError, InvalidClaimError, JoseError, MissingClaimError
from joserfc.jwt import JWTClaimsRegistry
from werkzeug.exceptions import Unauthorized

from api.http.api_keys import refuse
from api.http.caller import Caller, ReaderLimits
from api.public.access.key_set import ALGORITHMS, KeySet
from api.public.access.token_settings import TokenSettings
from privacy.errors import InvalidInputError

MAX_TOKEN_CHARACTERS: Final = 8_192
MAX_LIFETIME_SECONDS: Final = 86_400
"""A token cannot be revoked here, so it must be short-lived."""
LEEWAY_SECONDS: Final = 30
REQUESTS_PER_MINUTE: Final = 600
"""Of one app for one person."""
SCOPES: Final = frozenset({"read", "audit"})
_TYPES: Final = frozenset({"at+jwt", "application/at+jwt"})
_FORM: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_KNOWN: Final = frozenset().union(*ALGORITHMS.values())


class _Registry(jws.JWSRegistry):
    """Knows the algorithms of `ALGORITHMS`, and Ed25519 by both of its names."""

    algorithms = {  # noqa: RUF012 - the library looks here, and nobody changes it
        name: jws.JWSRegistry.algorithms["Ed25519" if name == "EdDSA" else name] for name in _KNOWN
    }


REGISTRY: Final = _Registry(algorithms=sorted(_KNOWN), strict_check_header=False)


class _Header(msgspec.Struct, frozen=True):
    """The protected header; what is critical, or changes what is signed, is refused."""

    alg: str
    typ: str
    kid: str
    crit: msgspec.UnsetType = msgspec.UNSET
    b64: msgspec.UnsetType = msgspec.UNSET


class AccessTokens:
    """Checks access tokens.

    Args:
        settings: which tokens are accepted.
        keys: of their issuer.
    """

    def __init__(self, settings: TokenSettings, keys: KeySet) -> None:
        self._settings = settings
        self._keys = keys

    def check(self, token: str, now_ms: int) -> Caller:
        """Returns who asks with an access token.

        Raises:
            Unauthorized: it is malformed, forged, expired, for others, or names no creator (401).
            ServiceUnavailable: the keys of the issuer have not been read for too long (503).
        """
        claims = self._read_claims(token, now_ms // 1000)
        named, scope = claims.get(self._settings.creators_claim), claims.get("scope", "")
        if not isinstance(named, list) or not all(isinstance(creator, str) for creator in named):
            raise _refuse("it names no creators")
        try:
            limits = ReaderLimits(creators=tuple(named))
        except InvalidInputError as error:
            raise _refuse("it names no creators, too many, or one that is no id") from error
        if not isinstance(scope, str):
            raise _refuse("its scope is no text")
        client, subject = str(claims.get("client_id", "")), str(claims["sub"])
        text = msgspec.json.encode([self._settings.issuer, client, subject])
        return Caller(
            key_id=f"token-{hashlib.sha256(text).hexdigest()[:32]}",
            owner=client or subject,
            scopes=SCOPES & set(scope.split(" ")),
            requests_per_minute=REQUESTS_PER_MINUTE,
            creators=frozenset(limits.creators or ()),
            expires_at_ms=int(claims["exp"] * 1000),
            credential="token",
        )

    def _read_claims(self, token: str, now_seconds: int) -> dict[str, Any]:
        """Returns the claims of a token, after its signature and the registered ones were checked."""
        payload = self._verify(token)
        try:
            claims = msgspec.json.decode(payload, type=dict[str, Any])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise _refuse("its claims are no JSON object") from error
        registry = JWTClaimsRegistry(
            now=now_seconds,
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": self._settings.issuer},
            aud={"essential": True, "value": self._settings.audience},
            exp={"essential": True},
            iat={"essential": True},
            sub={"essential": True},
        )
        try:
            registry.validate(claims)
        except ExpiredTokenError as error:
            raise _refuse("it has expired") from error
        except (InvalidClaimError, MissingClaimError) as error:
            raise _refuse(f"its claim {error.claim} is missing or not valid here") from error
        except (JoseError, ValueError, TypeError, OverflowError) as error:
            raise _refuse("its claims are not valid") from error
        if claims["exp"] - claims["iat"] > MAX_LIFETIME_SECONDS:
            raise _refuse(f"it lives for more than {MAX_LIFETIME_SECONDS} seconds")
        return claims

    def _verify(self, token: str) -> bytes:
        """Returns the payload of a token whose signature is that of the issuer."""
        if len(token) > MAX_TOKEN_CHARACTERS or not _FORM.fullmatch(token):
            raise _refuse("it is no JWT, or too long")
        try:
            unverified = jws.extract_compact(token.encode(), registry=REGISTRY)
            header = msgspec.convert(unverified.protected, _Header)
        except (JoseError, msgspec.MsgspecError, ValueError, TypeError, RecursionError) as error:
            raise _refuse("its header is not that of an access token (RFC 9068)") from error
        if header.typ.lower() not in _TYPES:
            raise _refuse("its type is not at+jwt")
        if header.alg not in _KNOWN:
            raise _refuse("its algorithm is not accepted")
        key = self._keys.find(header.kid)
        if key is None:
            raise _refuse("it names no key of the issuer")
        if header.alg not in key.algorithms:
            raise _refuse("its algorithm is not that of its key")
        try:
            return jws.deserialize_compact(token, key.key, registry=REGISTRY).payload
        except (JoseError, ValueError, TypeError) as error:
            raise _refuse("its signature is wrong") from error


def _refuse(reason: str) -> Unauthorized:
    return refuse(f"The access token is refused: {reason}.", error="invalid_token")
