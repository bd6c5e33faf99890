"""The keys of an authorization server: its JSON Web Key Set (RFC 7517), read over HTTP and kept a while."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException
from threading import Lock
from typing import Any, Final
from urllib.request import HTTPRedirectHandler, build_opener

import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey
from werkzeug.exceptions import ServiceUnavailable

from api.http.back_off import back_off_seconds
from privacy.store.patience import WouldWaitError, may_wait

ALGORITHMS: Final = {
    ("RSA", None): frozenset({"RS256", "PS256"}),
    ("EC", "P-256"): frozenset({"ES256"}),
    ("EC", "P-384"): frozenset({"ES384"}),
    ("OKP", "Ed25519"): frozenset({"EdDSA", "Ed25519"}),
}
"""The algorithms that a key may verify, by its type and curve: none of another type, none with a secret."""
FRESH_SECONDS: Final = 600.0
"""How long a key is accepted without another look: so long, a withdrawn key lives on."""
KEPT_SECONDS: Final = 86_400.0
"""How long the keys are accepted while the authorization server does not answer."""
REST_SECONDS: Final = 60.0
"""The least time between two requests, however many tokens name unknown keys."""
FIRST_BACK_OFF_SECONDS: Final = 5.0
MAX_BACK_OFF_SECONDS: Final = 300.0
MAX_BYTES: Final = 262_144
MAX_KEYS: Final = 64
MAX_FETCH_SECONDS: Final = 5.0
_ANSWER_SECONDS: Final = 2.0
_CHUNK_BYTES: Final = 16_384
_MIN_RSA_CHARACTERS: Final = 342
"""Of a modulus of 2,048 bits in base64url."""
_MEMBERS: Final = ("kty", "crv", "n", "e", "x", "y")
_TYPES: Final[dict[str, type[RSAKey] | type[ECKey] | type[OKPKey]]] = {
    "RSA": RSAKey,
    "EC": ECKey,
    "OKP": OKPKey,
}


class KeySetError(Exception):
    """A key set cannot be had, or is none."""


@dataclass(frozen=True)
class VerificationKey:
    """A public key, and the algorithms that it may verify."""

    key: RSAKey | ECKey | OKPKey
    algorithms: frozenset[str]


class _Document(msgspec.Struct):
    keys: list[dict[str, Any]]


class _NoRedirects(HTTPRedirectHandler):
    """The address that an operator has set is the only one that is asked."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Returns nothing: the redirection is the response, which is an error."""


def fetch_key_set(url: str) -> bytes:
    """Reads a key set over HTTP: one address, no redirects, bounded in size and time.

    Raises:
        KeySetError: it cannot be had.
    """
    deadline = time.monotonic() + MAX_FETCH_SECONDS
    opener = build_opener(_NoRedirects)
    try:
        with opener.open(url, timeout=_ANSWER_SECONDS) as response:
            if response.status != HTTPStatus.OK:
                raise KeySetError(f"the authorization server answered {response.status}")
            received = b""
            while chunk := response.read1(_CHUNK_BYTES):
                received += chunk
                if len(received) > MAX_BYTES or time.monotonic() > deadline:
                    raise KeySetError("the key set is too large, or comes too slowly")
            return received
    except (OSError, HTTPException, ValueError) as error:
        raise KeySetError(f"the authorization server cannot be read: {type(error).__name__}") from error


def parse_key_set(document: bytes) -> Mapping[str, VerificationKey]:
    """Returns the keys that may verify tokens, by their ids; others in the set are passed over.

    Raises:
        KeySetError: it is no key set, or has too many keys.
    """
    try:
        listed = msgspec.json.decode(document, type=_Document).keys
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise KeySetError("the authorization server sent no key set") from error
    if len(listed) > MAX_KEYS:
        raise KeySetError(f"the key set has {len(listed)} keys; at most {MAX_KEYS}")
    return {jwk["kid"]: key for jwk in listed if (key := _parse_key(jwk))}


def _parse_key(jwk: dict[str, Any]) -> VerificationKey | None:
    """Returns a key; None for one that encrypts, is secret, weak, of another type, or has no id."""
    kty, crv = jwk.get("kty"), jwk.get("crv")
    if not isinstance(kty, str) or not isinstance(crv, str | None) or not isinstance(jwk.get("kid"), str):
        return None
    algorithms = ALGORITHMS.get((kty, crv), frozenset())
    if "alg" in jwk:
        algorithms &= {str(jwk["alg"])}
    is_weak = kty == "RSA" and len(str(jwk.get("n"))) < _MIN_RSA_CHARACTERS
    if not algorithms or jwk.get("use", "sig") != "sig" or "d" in jwk or is_weak:
        return None
    try:
        key = _TYPES[kty].import_key({name: jwk[name] for name in _MEMBERS if name in jwk})
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return VerificationKey(key, algorithms)


class KeySet:
    """The keys of an authorization server; new ones are found when a token first names them.

    Args:
        fetch: reads the key set; raises KeySetError.
        monotonic_seconds: by which the keys age.
    """

    def __init__(self, fetch: Callable[[], bytes], monotonic_seconds: Callable[[], float]) -> None:
        self._fetch = fetch
        self._monotonic_seconds = monotonic_seconds
        self._keys: Mapping[str, VerificationKey] = {}
        self._fetched_at = float("-inf")
        self._next_fetch_at = float("-inf")
        self._failures = 0
        self._lock = Lock()

    def find(self, key_id: str) -> VerificationKey | None:
        """Returns a key; None if the authorization server has none of this id.

        Raises:
            ServiceUnavailable: its keys have not been read for too long (503).
        """
        now = self._monotonic_seconds()
        if (
            key_id not in self._keys or now >= self._fetched_at + FRESH_SECONDS
        ) and now >= self._next_fetch_at:
            self._refresh(is_needed=key_id not in self._keys)
        if self._monotonic_seconds() >= self._fetched_at + KEPT_SECONDS:
            raise ServiceUnavailable(
                "The keys of the authorization server cannot be read now; try again.",
                retry_after=int(FIRST_BACK_OFF_SECONDS),
            )
        return self._keys.get(key_id)

    def _refresh(self, *, is_needed: bool) -> None:
        """Reads the keys again; one thread does, and those that need a new key wait for it."""
        if not may_wait():
            raise WouldWaitError
        if not self._lock.acquire(blocking=is_needed):
            return
        try:
            if self._monotonic_seconds() < self._next_fetch_at:
                return
            try:
                self._keys = parse_key_set(self._fetch())
            except KeySetError:
                self._failures += 1
                rest = back_off_seconds(self._failures, FIRST_BACK_OFF_SECONDS, MAX_BACK_OFF_SECONDS)
            else:
                self._failures, rest = 0, REST_SECONDS
                self._fetched_at = self._monotonic_seconds()
            self._next_fetch_at = self._monotonic_seconds() + rest
        finally:
            self._lock.release()
