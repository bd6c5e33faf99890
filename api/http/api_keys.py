"""API keys: `lw_<plane>_<key_id>_<secret>`, shown once, stored as a hash, checked on every request."""

import hashlib
import hmac
import re
from collections.abc import Callable

import msgspec
import redis
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Unauthorized

from api.http.caller import UNLIMITED, Caller, ReaderLimits
from api.http.expiring_cache import ExpiringCache
from privacy.errors import InvalidInputError, StoreError
from privacy.model.documents import Document
from privacy.store.connect import translated

CANARY = "canary"
"""The scope of a reviewer's API key: the sandbox and nothing else."""
PLANE_SCOPES = {"public": ("read", "audit"), "platform": ("ingest", "import", "moderate", "privacy", CANARY)}
KEY_PREFIXES = {"public": "g:keys:", "platform": "p:keys:"}
"""Prefix of the Redis keys that hold each plane's API key records."""

RECORD_CACHE_SECONDS = 1.0
"""A process that has just seen a key may accept it for this long after it was revoked."""
_MAX_CACHED_RECORDS = 4096
_KEY_ID_BYTES = 8
_SECRET_BYTES = 32
_TOKEN = re.compile(r"(?i:bearer) +lw_([a-z]+)_([0-9a-f]{16})_([0-9a-f]{64})")


class KeyRecord(Document, frozen=True, omit_defaults=True):
    """The stored record of one API key; it never contains the key itself.

    A record with limits is no record to a program that knows none: such a program refuses the key.
    """

    key_id: str
    owner: str
    scopes: list[str]
    secret_sha256: str
    created_at_ms: int
    expires_at_ms: int
    revoked_at_ms: int | None
    requests_per_minute: int
    creators: tuple[str, ...] | None = None
    """The creators that it reads; None for all."""
    origins: tuple[str, ...] = ()
    """The origins of the web pages that may use it; none for no such limit."""
    is_share: bool = False
    """Whether it is the key in a share link."""

    def to_caller(self) -> Caller:
        """Return who asks with this key."""
        return Caller(
            key_id=self.key_id,
            owner=self.owner,
            scopes=frozenset(self.scopes),
            requests_per_minute=self.requests_per_minute,
            creators=None if self.creators is None else frozenset(self.creators),
            origins=frozenset(self.origins),
            expires_at_ms=self.expires_at_ms,
            credential="share" if self.is_share else "key",
        )


class KeyReader:
    """Reads the records of one plane's API keys.

    Args:
        client: can read the Redis keys with the prefix.
        prefix: `g:keys:` for the public plane, `p:keys:` for the platform plane.
        require_store: makes sure that the store is the one that the process began with, before a key is
            called unknown; None for a tool.
    """

    def __init__(
        self, client: redis.Redis, prefix: str, require_store: Callable[[], object] | None = None
    ) -> None:
        self._client = client
        self._prefix = prefix
        self._require_store = require_store
        self._decoder = msgspec.json.Decoder(KeyRecord)

    def find(self, key_id: str) -> KeyRecord | None:
        """Return the record of an API key, even a revoked or expired one; None if there is none.

        Raises:
            StoreLostError: there is none, and the store has lost its data.
            StoreError: the store does not respond, or the record cannot be read.
        """
        with translated():
            raw = self._client.get(self._prefix + key_id)
        if raw is None:
            if self._require_store:
                self._require_store()
            return None
        try:
            return self._decoder.decode(raw)
        except msgspec.MsgspecError as error:
            raise StoreError("the record of an API key is damaged: create another key") from error


def issue_key(
    plane: str,
    owner: str,
    scopes: list[str],
    *,
    lifetime_seconds: int,
    requests_per_minute: int,
    now_ms: int,
    entropy: Callable[[int], bytes],
    limits: ReaderLimits = UNLIMITED,
) -> tuple[str, KeyRecord]:
    """Create an API key.

    Args:
        plane: `public` or `platform`.
        owner: the owner; several live keys of one owner allow a key to be rotated.
        scopes: what it may do, of `PLANE_SCOPES`.
        lifetime_seconds: the time until it expires.
        requests_per_minute: its rate limit.
        now_ms: the time, in ms since 1970 UTC.
        entropy: returns the given number of bytes from the operating system's CSPRNG.
        limits: what it is limited to; on the public plane only.

    Returns:
        The token, to be shown once, and the record, to be stored.

    Raises:
        InvalidInputError: the plane has no such scope or no limits, `canary` is combined with another scope,
            or a number is not positive.
    """
    known = PLANE_SCOPES[plane]
    if not scopes or not set(scopes) <= set(known):
        raise InvalidInputError(
            "scopes", f"are {scopes}", f"one or more of {', '.join(known)} on the {plane} plane"
        )
    if CANARY in scopes and set(scopes) != {CANARY}:
        raise InvalidInputError(
            "scopes", f"are {scopes}", f"{CANARY} alone, since it reaches only the sandbox"
        )
    if limits != UNLIMITED and plane != "public":
        raise InvalidInputError(
            "creators" if limits.creators else "origins",
            f"limit a key of the {plane} plane",
            "keys of the public plane",
        )
    for field, value in (
        ("lifetime_seconds", lifetime_seconds),
        ("requests_per_minute", requests_per_minute),
    ):
        if value < 1:
            raise InvalidInputError(field, f"is {value}", "at least 1")
    key_id, secret = entropy(_KEY_ID_BYTES).hex(), entropy(_SECRET_BYTES).hex()
    record = KeyRecord(
        key_id=key_id,
        owner=owner,
        scopes=sorted(set(scopes)),
        secret_sha256=_digest(secret),
        created_at_ms=now_ms,
        expires_at_ms=now_ms + 1000 * lifetime_seconds,
        revoked_at_ms=None,
        requests_per_minute=requests_per_minute,
        creators=limits.creators,
        origins=limits.origins,
    )
    return f"lw_{plane}_{key_id}_{secret}", record


class Authenticator:
    """Checks the API key of a request.

    Args:
        plane: name of the plane; a key of another plane is refused without a lookup.
        find: finds the record of a key of this plane (`api.http.api_keys.KeyReader.find`).
        monotonic_seconds: ages the cache, so that a clock that steps back cannot keep a record alive.
    """

    def __init__(
        self, plane: str, find: Callable[[str], KeyRecord | None], monotonic_seconds: Callable[[], float]
    ) -> None:
        self._plane = plane
        self._find = find
        self._records = ExpiringCache[str, KeyRecord | None](_MAX_CACHED_RECORDS, monotonic_seconds)

    def check(self, authorization: str | None, now_ms: int) -> Caller:
        """Return who asks with an API key that is live.

        Raises:
            Unauthorized: the key is missing, malformed, unknown, wrong, expired, revoked, or of the other
                plane (401).
            StoreError: the store does not respond, or the record cannot be read.
        """
        match = _TOKEN.fullmatch(authorization or "")
        if not match or match[1] != self._plane:
            raise _unauthorized()
        record = self._find_cached(match[2])
        # The secret is compared even without a record, so that an unknown key takes as long as a wrong one.
        expected = record.secret_sha256 if record else _digest("")
        matches = hmac.compare_digest(expected, _digest(match[3]))
        if record is None or not matches or not _is_live(record, now_ms):
            raise _unauthorized()
        return record.to_caller()

    def _find_cached(self, key_id: str) -> KeyRecord | None:
        return self._records.get(key_id, lambda: (self._find(key_id), RECORD_CACHE_SECONDS))


def _is_live(record: KeyRecord, now_ms: int) -> bool:
    return record.revoked_at_ms is None and now_ms < record.expires_at_ms


def _digest(secret: str) -> str:
    # A plain hash suffices: the secret is 256 random bits, not a password.
    return hashlib.sha256(secret.encode()).hexdigest()


def _unauthorized() -> Unauthorized:
    return refuse("This operation requires a live API key of this plane.")


def refuse(description: str, error: str | None = None) -> Unauthorized:
    """Return the 401 with its challenge (RFC 6750).

    Args:
        description: a sentence in ASCII, without quotes.
        error: the code of an error; None where a credential is missing, or an API key is refused.
    """
    members: dict[str, str | None] = {"realm": "Likewise API"}
    if error:
        members |= {"error": error, "error_description": description}
    return Unauthorized(description, www_authenticate=WWWAuthenticate("bearer", members))
