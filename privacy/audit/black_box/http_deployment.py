"""Accesses a running deployment over HTTP, with two addresses, read keys and a canary key."""

import re
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

_TIMEOUT_SECONDS = 60
_BATCH = 5_000
_SUCCESS = (200, 201)
_KEY = re.compile("[\x21-\x7e]+")
_TOO_MANY_REQUESTS = 429


class _Plane:
    """One plane, over a persistent connection that is reopened when the server has closed it."""

    def __init__(self, option: str, url: str, wait: Callable[[float], object]) -> None:
        try:
            parts = urlsplit(url)
            is_whole = parts.port != 0 and parts.scheme in ("http", "https") and bool(parts.hostname)
        except ValueError:
            is_whole = False
        if not is_whole or "@" in parts.netloc:
            raise InvalidInputError(option, "is no such address", "http:// or https://, host and port")
        make = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._connection = make(parts.hostname or "", parts.port, timeout=_TIMEOUT_SECONDS)
        self._prefix = parts.path.rstrip("/")
        self._wait = wait

    def request(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Reply:
        """Sends a request; if it exceeds a rate limit, waits and sends it again."""
        while True:
            reply = self._request_once(method, path, body, headers)
            if reply.status != _TOO_MANY_REQUESTS:
                return reply
            self._wait(float(reply.headers.get("retry-after", "1")))

    def close(self) -> None:
        """Closes the connection."""
        self._connection.close()

    def _request_once(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Reply:
        for is_last in (False, True):
            try:
                started = time.perf_counter()
                self._connection.request(method, self._prefix + path, body, dict(headers))
                response = self._connection.getresponse()
                body_bytes = response.read()
                seconds = time.perf_counter() - started
            except (OSError, HTTPException) as error:
                self._connection.close()
                if is_last:
                    raise StoreBusyError(
                        f"{self._connection.host}:{self._connection.port} does not answer ({error})"
                    ) from error
            else:
                named = {name.lower(): value for name, value in response.getheaders()}
                return Reply(response.status, named, body_bytes, seconds)
        raise AssertionError("unreachable: the last attempt returns or raises")


@dataclass(frozen=True)
class HttpDeployment:
    """A deployment at two addresses.

    Args:
        public_url: of the public plane.
        read_keys: of the public plane, with the scope `read`.
        platform_url: of the platform plane.
        canary_key: of the platform plane, with the scope `canary`.
        clock: now, in ms since 1970 UTC; the time of events.
        wait: sleeps for the given number of seconds.
    """

    public_url: str
    read_keys: Sequence[str] = field(repr=False)
    platform_url: str
    canary_key: str = field(repr=False)
    clock: Clock
    wait: Callable[[float], object]

    def __post_init__(self) -> None:
        given = [("--read-key", key) for key in self.read_keys] + [("--canary-key", self.canary_key)]
        for option, key in given:
            if not _KEY.fullmatch(key):  # an error of the connection would repeat it
                raise InvalidInputError(option, "is no API key", "what `likewise keys create` printed")
        object.__setattr__(self, "_public", _Plane("--public-url", self.public_url, self.wait))
        object.__setattr__(self, "_platform", _Plane("--platform-url", self.platform_url, self.wait))

    _public: _Plane = field(init=False, repr=False)
    _platform: _Plane = field(init=False, repr=False)

    def close(self) -> None:
        """Closes the connections to both planes."""
        self._public.close()
        self._platform.close()

    @property
    def keys(self) -> int:
        """Number of keys of the public plane."""
        return len(self.read_keys)

    def read(self, path: str, key: int | None = 0, headers: Mapping[str, str] | None = None) -> Reply:
        """Reads a path of the public plane."""
        allowed = {} if key is None else {"Authorization": f"Bearer {self.read_keys[key]}"}
        return self._public.request("GET", path, None, {**allowed, **(headers or {})})

    def plant(self, canaries: Sequence[Canary]) -> None:
        """Registers videos in the sandbox."""
        items = [
            {
                "video_id": canary.name,
                "posted_at": format_timestamp(canary.posted_at_ms),
                "hashtags": [canary.hashtag] if canary.hashtag else [],
            }
            for canary in canaries
        ]
        for body_bytes in self._post("/v1/sandbox/videos", items):
            if body_bytes["verdicts"]["created"] != body_bytes["received"]:
                raise InvalidInputError("canaries", f"are answered with {body_bytes}", "all created")

    def send(self, events: Sequence[CanaryEvent]) -> None:
        """Sends events to the sandbox."""
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
        for body_bytes in self._post("/v1/sandbox/events", items):
            if (
                body_bytes["verdicts"]["counted"] + body_bytes["verdicts"]["uncounted"]
                != body_bytes["received"]
            ):
                raise InvalidInputError("canary events", f"are answered with {body_bytes}", "all accepted")

    def metrics(self) -> Mapping[str, bytes]:
        """Reads the metrics of each plane that exposes them."""
        replies = {
            "public": self._public.request("GET", "/metrics", None, {}),
            "platform": self._platform.request("GET", "/metrics", None, {}),
        }
        return {plane: reply.body for plane, reply in replies.items() if reply.status in _SUCCESS}

    def _post(self, path: str, items: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        headers = {"Authorization": f"Bearer {self.canary_key}", "Content-Type": "application/x-ndjson"}
        for start in range(0, len(items), _BATCH):
            body = b"\n".join(msgspec.json.encode(item) for item in items[start : start + _BATCH])
            reply = self._platform.request("POST", path, body, headers)
            if reply.status not in _SUCCESS:
                detail = reply.body.decode(errors="replace")[:500]
                raise InvalidInputError(path, f"is answered with {reply.status}: {detail}", "200")
            yield reply.document
