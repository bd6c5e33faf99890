"""API keys: `lw_<plane>_<key_id>_<secret>`, issued once, kept as a hash, checked on every request."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from typing import Protocol

from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Forbidden, Unauthorized

from api.http.api_key_reader import KeyRecord
from api.http.expiring_cache import ExpiringCache
from privacy.errors import InvalidInputError

CANARY = "canary"
"""The scope of a reviewer's key: the sandbox and nothing else."""
PLANE_SCOPES = {"public": ("read", "audit"), "platform": ("ingest", "moderate", "privacy", CANARY)}
KEY_PREFIXES = {"public": "g:keys:", "platform": "p:keys:"}
"""Where each plane keeps its keys' records."""

RECORD_CACHE_SECONDS = 1.0
"""A revoked key works for at most so much longer in a process that has just seen it."""
_CACHED_RECORDS = 4096
_KEY_ID_BYTES = 8
_SECRET_BYTES = 32
_TOKEN = re.compile(r"(?i:bearer) lw_([a-z]+)_([0-9a-f]{16})_([0-9a-f]{64})")


def issue_key(
    plane: str,
    owner: str,
    scopes: list[str],
    *,
    lifetime_seconds: int,
    requests_per_minute: int,
    now_ms: int,
    entropy: Callable[[int], bytes],
) -> tuple[str, KeyRecord]:
    """Make a new key: the token, to be shown once, and the record to be kept.

    Args:
        plane: `public` or `platform`.
        owner: whose key it is; several live keys of one owner are how a key is rotated.
        scopes: what it may do, of `PLANE_SCOPES`.
        lifetime_seconds: after which it expires.
        requests_per_minute: its rate limit.
        now_ms: when it is issued.
        entropy: answers so many bytes of the operating system's CSPRNG.

    Raises:
        InvalidInputError: the plane has no such scope, `canary` is not alone, or a number is not positive.
    """
    known = PLANE_SCOPES[plane]
    if not scopes or not set(scopes) <= set(known):
        raise InvalidInputError(
            "scopes", f"are {scopes}", f"one or more of {', '.join(known)} on the {plane} plane"
        )
    if CANARY in scopes and set(scopes) != {CANARY}:
        raise InvalidInputError(
            "scopes", f"are {scopes}", f"{CANARY} alone: it reaches nothing but the sandbox"
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
    )
    return f"lw_{plane}_{key_id}_{secret}", record


class KeyRecords(Protocol):
    """Looks records of keys up: `api.http.api_key_reader.KeyReader`."""

    def find(self, key_id: str) -> KeyRecord | None:
        """Return a key's record, revoked and expired ones too."""


class Authenticator:
    """Checks the key of a request.

    Args:
        plane: a key of any other plane is refused without a look.
        keys: the records of this plane's keys.
        monotonic_seconds: for the cache's age, so that a clock that steps back cannot keep a record.
    """

    def __init__(self, plane: str, keys: KeyRecords, monotonic_seconds: Callable[[], float]) -> None:
        self._plane = plane
        self._keys = keys
        self._records = ExpiringCache[str, KeyRecord | None](_CACHED_RECORDS, monotonic_seconds)

    def check(self, authorization: str | None, scope: str, now_ms: int) -> KeyRecord:
        """Return the record of a key that is live and has the scope.

        Raises:
            Unauthorized: no key, or a malformed, unknown, wrong, expired or revoked one, or one of the
                other plane (401).
            Forbidden: a right key without the scope (403).
            StoreError: the key store does not answer, or the record cannot be read.
        """
        match = _TOKEN.fullmatch(authorization or "")
        if not match or match[1] != self._plane:
            raise _unauthorized()
        record = self._find(match[2])
        # A secret is compared even without a record, so that an unknown key takes as long as a wrong one.
        expected = record.secret_sha256 if record else _digest("")
        right = hmac.compare_digest(expected, _digest(match[3]))
        if record is None or not right or not _is_live(record, now_ms):
            raise _unauthorized()
        if scope not in record.scopes:
            raise Forbidden(f"This operation needs a key with the scope {scope}.")
        return record

    def _find(self, key_id: str) -> KeyRecord | None:
        return self._records.get(key_id, lambda: (self._keys.find(key_id), RECORD_CACHE_SECONDS))


def _is_live(record: KeyRecord, now_ms: int) -> bool:
    return record.revoked_at_ms is None and now_ms < record.expires_at_ms


def _digest(secret: str) -> str:
    # A plain hash suffices: the secret is 256 random bits, not a password.
    return hashlib.sha256(secret.encode()).hexdigest()


def _unauthorized() -> Unauthorized:
    challenge = WWWAuthenticate("bearer", {"realm": "Likewise API"})
    return Unauthorized("This operation needs a live key of this plane.", www_authenticate=challenge)
