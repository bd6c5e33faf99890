"""A running deployment over HTTP: what a reviewer has is two addresses, keys to read and a canary key."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

import msgspec

from privacy.audit.black_box.deployment import Canary, CanaryEvent, Reply
from privacy.errors import InvalidInputError, StoreBusyError
from privacy.model.timestamp import Clock, format_timestamp

_PATIENCE_SECONDS = 60
_BATCH = 5_000
_SUCCESS = (200, 201)
_TOO_MANY_REQUESTS = 429


class _Plane:
    """One plane: a connection that is kept, and made anew when the server has closed it."""

    def __init__(self, option: str, url: str, wait: Callable[[float], object]) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InvalidInputError(option, f"is {url!r}", "http:// or https://, host and port")
        make = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._connection = make(parts.hostname, parts.port, timeout=_PATIENCE_SECONDS)
        self._prefix = parts.path.rstrip("/")
        self._wait = wait

    def ask(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Reply:
        """Send a request; one that comes too soon for a rate limit is sent again when it may be."""
        while True:
            reply = self._once(method, path, body, headers)
            if reply.status != _TOO_MANY_REQUESTS:
                return reply
            self._wait(float(reply.headers.get("retry-after", "1")))

    def _once(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Reply:
        for last in (False, True):
            try:
                started = time.perf_counter()
                self._connection.request(method, self._prefix + path, body, dict(headers))
                response = self._connection.getresponse()
                answer = response.read()
                seconds = time.perf_counter() - started
            except (OSError, HTTPException) as error:
                self._connection.close()
                if last:
                    raise StoreBusyError(
                        f"{self._connection.host}:{self._connection.port} does not answer ({error})"
                    ) from error
            else:
                named = {name.lower(): value for name, value in response.getheaders()}
                return Reply(response.status, named, answer, seconds)
        raise AssertionError("unreachable: the last attempt answers or raises")


@dataclass(frozen=True)
class HttpDeployment:
    """A deployment at two addresses.

    Args:
        public_url: of the public plane.
        read_keys: of the public plane, with the scope `read`.
        platform_url: of the platform plane.
        canary_key: of the platform plane, with the scope `canary`.
        clock: now, in ms since 1970 UTC: events happen when they are sent.
        wait: rests so many seconds.
    """

    public_url: str
    read_keys: Sequence[str] = field(repr=False)
    platform_url: str
    canary_key: str = field(repr=False)
    clock: Clock
    wait: Callable[[float], object]

    def __post_init__(self) -> None:
        object.__setattr__(self, "_public", _Plane("--public-url", self.public_url, self.wait))
        object.__setattr__(self, "_platform", _Plane("--platform-url", self.platform_url, self.wait))

    _public: _Plane = field(init=False, repr=False)
    _platform: _Plane = field(init=False, repr=False)

    @property
    def keys(self) -> int:
        """How many keys of the public plane there are."""
        return len(self.read_keys)

    def read(self, path: str, key: int | None = 0, headers: Mapping[str, str] | None = None) -> Reply:
        """GET a path of the public plane."""
        allowed = {} if key is None else {"Authorization": f"Bearer {self.read_keys[key]}"}
        return self._public.ask("GET", path, None, {**allowed, **(headers or {})})

    def plant(self, canaries: Sequence[Canary]) -> None:
        """Register videos in the sandbox."""
        items = [
            {"video_id": canary.name, "posted_at": format_timestamp(canary.posted_at_ms)}
            for canary in canaries
        ]
        for answer in self._post("/v1/sandbox/videos", items):
            if answer["verdicts"]["created"] != answer["received"]:
                raise InvalidInputError("canaries", f"are answered with {answer}", "all created")

    def send(self, events: Sequence[CanaryEvent]) -> None:
        """Send events to the sandbox."""
        occurred_at = format_timestamp(self.clock())
        items = [
            {
                "type": "like" if event.liked else "unlike",
                "account_id": event.account,
                "video_id": event.video,
                "occurred_at": occurred_at,
                "profile": event.profile,
            }
            for event in events
        ]
        for answer in self._post("/v1/sandbox/events", items):
            if answer["verdicts"]["counted"] + answer["verdicts"]["uncounted"] != answer["received"]:
                raise InvalidInputError("canary events", f"are answered with {answer}", "all taken in")

    def metrics(self) -> Mapping[str, bytes]:
        """What each plane that can be asked says of itself."""
        replies = {
            "public": self._public.ask("GET", "/metrics", None, {}),
            "platform": self._platform.ask("GET", "/metrics", None, {}),
        }
        return {plane: reply.body for plane, reply in replies.items() if reply.status in _SUCCESS}

    def _post(self, path: str, items: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        headers = {"Authorization": f"Bearer {self.canary_key}", "Content-Type": "application/x-ndjson"}
        for start in range(0, len(items), _BATCH):
            body = b"\n".join(msgspec.json.encode(item) for item in items[start : start + _BATCH])
            reply = self._platform.ask("POST", path, body, headers)
            if reply.status not in _SUCCESS:
                detail = reply.body.decode(errors="replace")[:500]
                raise InvalidInputError(path, f"is answered with {reply.status}: {detail}", "200")
            yield reply.document
