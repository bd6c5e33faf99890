"""The platform plane's real app on a real Redis, and the requests of its tests."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import msgspec

from api.http.api_keys import KEY_PREFIXES, issue_key
from api.platform.app import build_platform_app
from api.platform.dependencies import PlatformDependencies
from api.runtime.api_key_writer import KeyWriter
from privacy.model.timestamp import Clock, format_timestamp, parse_timestamp_ms
from privacy.policy.file import load_policy
from privacy.policy.policy import Policy
from privacy.policy.registry import PolicyRegistry
from privacy.rollback.erasure_log import ErasureLog
from privacy.store.header import StoreHeader
from privacy.store.keys import STORE_HEADER
from privacy.vault.limits import limits_key, put_limits_in_force
from privacy.vault.pseudonym import Pseudonymiser
from privacy.vault.shards import PseudonymKeys
from tests.support.redis_server import Store

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient
    from werkzeug.datastructures import Headers
    from werkzeug.test import TestResponse

POLICY = load_policy()
NOW_MS = parse_timestamp_ms("2026-05-03T14:07:31Z")
PSEUDONYMISER = Pseudonymiser(bytes(range(32)), bytes(range(1, 33)))
ACCOUNT_SHARDS = 4
JSON, NDJSON = "application/json", "application/x-ndjson"
PROFILE = {"age_band": "25-34", "gender": "female", "region": "DE", "language": "de", "device": "ios"}


@dataclass(frozen=True)
class Reply:
    """A response; `json` is its parsed body."""

    status_code: int
    content_type: str | None
    headers: Headers
    data: bytes
    json: Any

    @classmethod
    def of(cls, response: TestResponse) -> Reply:
        """Convert a response of the test client."""
        json = response.get_json(silent=True)
        return cls(response.status_code, response.content_type, response.headers, response.data, json)


@dataclass
class SetClock:
    """Returns the time that it is set to."""

    now_ms: int = NOW_MS

    def __call__(self) -> int:
        """Return the time."""
        return self.now_ms


@dataclass
class Log:
    """Records defects, and ignores responses."""

    failures: list[str] = field(default_factory=list)

    def answered(self, operation_id: str, status: int, seconds: float) -> None:
        """Ignore it."""

    def failed(self, operation_id: str, error: BaseException) -> None:
        """Record a defect."""
        self.failures.append(f"{operation_id}: {error!r}")


@dataclass
class PlatformPlane:
    """An app, a key for it, and a clock that tests set."""

    app: Flask
    log: Log
    token: str
    clock: SetClock

    @property
    def client(self) -> FlaskClient:
        """A client without a key."""
        return self.app.test_client()

    def send(self, method: str, path: str, body: bytes, media_type: str = JSON, **headers: str) -> Reply:
        """Send a request with the key; underscores in header names become hyphens."""
        reply = self.try_sending(method, path, body, media_type, **headers)
        assert self.log.failures == []
        return reply

    def try_sending(self, method: str, path: str, body: bytes, media_type: str, **headers: str) -> Reply:
        """Send a request as `send`, also where the plane cannot answer and logs it."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        allowed = {"Authorization": f"Bearer {self.token}"} | named
        response = self.client.open(path, method=method, data=body, content_type=media_type, headers=allowed)
        return Reply.of(response)

    def events(self, body: bytes, media_type: str = NDJSON, **headers: str) -> Reply:
        """Send events."""
        return self.send("POST", "/v1/events", body, media_type, **headers)

    def register(self, *video_ids: str) -> None:
        """Register videos posted an hour ago."""
        body = lines(*({"video_id": name, "posted_at": ago(3600)} for name in video_ids))
        answer = self.send("POST", "/v1/videos", body, NDJSON)
        assert (answer.status_code, answer.json["verdicts"]["created"]) == (200, len(video_ids))


def plane_on(
    store: Store,
    scopes: tuple[str, ...] = ("ingest",),
    policy: Policy = POLICY,
    store_clock: Clock | None = None,
) -> PlatformPlane:
    """Build the app on a store, and make a key with these scopes.

    Args:
        store: an empty one.
        scopes: of the key.
        policy: in force.
        store_clock: the app's clock; that of the plane, which tests set, if not given.
    """
    log, clock = Log(), SetClock()
    header = StoreHeader(STORE_HEADER, ACCOUNT_SHARDS, 4, "0" * 32)
    header.put(store.admin)
    header.of_gallery.put(store.admin)
    registry = PolicyRegistry(policy, {policy.version: policy})
    put_limits_in_force(store.admin, header.account_shards, registry.limits)
    dependencies = PlatformDependencies(
        client=store.platform,
        gallery=store.publisher,
        header=header,
        registry=registry,
        keys=PseudonymKeys(lambda: PSEUDONYMISER),
        erasures=erasures_of(store),
        entropy=os.urandom,
        log=log,
    )
    app = build_platform_app(dependencies, store_clock or clock)
    return PlatformPlane(app, log, new_key(store, *scopes), clock)


def erasures_of(store: Store) -> ErasureLog:
    """Return an empty erasure log for the tests' store."""
    erasures = ErasureLog(store.server.folder / "rollback-guard", "0" * 32)
    erasures.create()
    if erasures.last_number():
        with erasures.locked():
            erasures.replace(0, [])
    return erasures


def new_key(
    store: Store, *scopes: str, lifetime_seconds: int = 10**9, requests_per_minute: int = 10**6
) -> str:
    """Make a key of the platform plane."""
    token, record = issue_key(
        "platform",
        "tests",
        list(scopes),
        lifetime_seconds=lifetime_seconds,
        requests_per_minute=requests_per_minute,
        now_ms=NOW_MS,
        entropy=os.urandom,
    )
    KeyWriter(store.admin, KEY_PREFIXES["platform"]).add(record)
    return token


def keys(store: Store, pattern: str = "*") -> list[bytes]:
    """Names of keys in the store."""
    return cast("list[bytes]", store.root.keys(pattern))


def lasting_keys(store: Store) -> list[bytes]:
    """Return the names of all keys but those of rate limits."""
    return [name for name in keys(store) if not name.startswith(b"l:")]


def dump(store: Store) -> dict[bytes, bytes | None]:
    """Return everything in the store but rate limits."""
    return {name: store.root.dump(name) for name in lasting_keys(store)}


def written_keys(store: Store, pattern: str = "v:*") -> list[bytes]:
    """Names of keys in the store, without the limits in force that `plane_on` puts there."""
    in_force = {limits_key(shard).encode() for shard in range(ACCOUNT_SHARDS)}
    return [name for name in keys(store, pattern) if name not in in_force]


def value(store: Store, key: bytes | str) -> bytes:
    """Value of a key."""
    return cast("bytes", store.root.get(key))


def ago(seconds: int) -> str:
    """A time before now."""
    return format_timestamp(NOW_MS - 1000 * seconds)


def event(**changes: Any) -> dict[str, Any]:
    """The usual like; a change to None leaves the member out."""
    whole = {
        "type": "like",
        "account_id": "account-1",
        "video_id": "v-1",
        "occurred_at": ago(60),
        "profile": PROFILE,
    } | changes
    return {name: value for name, value in whole.items() if value is not None}


def lines(*items: Any) -> bytes:
    """NDJSON."""
    return b"".join(msgspec.json.encode(item) + b"\n" for item in items)


def array(*items: Any) -> bytes:
    """A JSON array."""
    return msgspec.json.encode(items)
