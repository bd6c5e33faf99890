"""Senders: each sends action after action over HTTP, and every one again until it is acknowledged."""

import http.client
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from threading import Event as Flag
from typing import Any, Final

from tests.faults.history import Action, Batch, Erasure, Purge, Targets, format_time
from tests.faults.reference import Reference

_ANSWER_SECONDS: Final = 3.0
_PATIENCE_SECONDS: Final = 90.0
_PAUSE_SECONDS: Final = 0.05
_TRY_AGAIN: Final = frozenset({408, 409, 429, 502, 503, 504})
_SECONDS_PER_DAY: Final = 86_400


@dataclass(frozen=True)
class Answer:
    """An acknowledgement.

    Args:
        document: its body.
        attempts: how often the request was sent.
    """

    document: dict[str, Any]
    attempts: int


@dataclass(frozen=True)
class Client:
    """A careful client of the platform plane.

    Args:
        port: of the plane, or of a proxy.
        token: an API key.
        wait: rests; outside of tests' main thread nothing interrupts it.
    """

    port: int
    token: str
    wait: Callable[[float], object] = time.sleep

    def send(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        """Sends a request until it is acknowledged.

        Raises:
            AssertionError: it was refused, or not acknowledged for long.
        """
        deadline = time.monotonic() + _PATIENCE_SECONDS
        last: object = None
        for attempts in range(1, 1_000_000):
            try:
                status, text = self._try(method, path, body, headers)
            except (OSError, http.client.HTTPException) as error:
                last = repr(error)
            else:
                if status in {200, 201, 202} and text:
                    return Answer(json.loads(text), attempts)
                assert status in _TRY_AGAIN or not text, f"{method} {path}: {status} {text[:500]!r}"
                if status == http.HTTPStatus.CONFLICT:
                    # The plane takes the first request, which was lost half-way, to be in progress.
                    headers.pop("Idempotency_Key", None)
                last = status
            assert time.monotonic() < deadline, f"{method} {path}: {last} after {attempts} attempts"
            self.wait(_PAUSE_SECONDS)
        raise AssertionError("not reached")

    def _try(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_ANSWER_SECONDS)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body or None, {"Authorization": f"Bearer {self.token}", **named})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()


@dataclass
class Sender:
    """Sends what `generate` yields.

    Args:
        name: of the sender.
        client: sends.
        actions: what it does.
    """

    name: str
    client: Client
    actions: Iterator[Action]
    reference: Reference = field(default_factory=Reference)
    sent: int = 0
    events: int = 0
    wrong_verdicts: list[str] = field(default_factory=list)

    def send_until(self, halt: Flag, pause_seconds: float) -> None:
        """Sends until the flag is set; the last action is acknowledged, too."""
        while not halt.is_set():
            self.send_next()
            halt.wait(pause_seconds)

    def send_next(self) -> None:
        """Sends the next action until it is acknowledged."""
        self.send(next(self.actions))

    def send(self, action: Action) -> None:
        """Sends an action until it is acknowledged, and applies it to the reference."""
        expected = self.reference.apply(action, today())
        answer = perform(self.client, action, f"{self.name}-{self.sent}")
        self.sent += 1
        self.events += len(action.events) if isinstance(action, Batch) else 0
        if isinstance(action, Batch) and answer.attempts == 1:
            given = {verdict: times for verdict, times in answer.document["verdicts"].items() if times}
            if Counter(given) != expected:
                self.wrong_verdicts.append(f"{self.name} {self.sent}: {given}, not {dict(expected)}")


def perform(client: Client, action: Action, key: str) -> Answer:
    """Sends an action until it is acknowledged; of a purge, until its job is done."""
    json_type = "application/json"
    match action:
        case Batch(events):
            body = json.dumps([event.to_document() for event in events]).encode()
            # Every eighth with a key: safety does not need it, and it must not harm.
            keyed = {"Idempotency_Key": key} if hash_of(key) % 8 == 0 else {}
            return client.send("POST", "/v1/events", body, Content_Type=json_type, **keyed)
        case Erasure(account):
            body = json.dumps({"account_id": account, "note": "asked for it"}).encode()
            return client.send(
                "POST", "/v1/rights/erasures", body, Content_Type=json_type, Idempotency_Key=key
            )
        case Purge(accounts):
            body = b"".join(json.dumps({"account_id": account}).encode() + b"\n" for account in accounts)
            path = "/v1/moderation/purges?note=network"
            queued = client.send("POST", path, body, Content_Type="application/x-ndjson", Idempotency_Key=key)
            return _wait_for_job(client, queued.document["job"])


def _wait_for_job(client: Client, number: int) -> Answer:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while (answer := client.send("GET", f"/v1/jobs/{number}")).document["state"] != "done":
        assert answer.document["failure"] is None, answer.document
        assert time.monotonic() < deadline, answer.document
        client.wait(_PAUSE_SECONDS)
    return answer


def register(client: Client, targets: Targets, starts_at_ms: int) -> None:
    """Registers the targets of a run."""
    start = format_time(starts_at_ms)
    videos = [{"video_id": video, "posted_at": start} for video in targets.videos]
    creators = [{"creator_id": creator, "counted_from": start} for creator in targets.creators]
    for path, documents in (("/v1/videos", videos), ("/v1/creators", creators)):
        client.send("POST", path, json.dumps(documents).encode(), Content_Type="application/json")


def today() -> int:
    """Returns the UTC day, since 1970."""
    return int(time.time()) // _SECONDS_PER_DAY


def hash_of(text: str) -> int:
    """Returns a number that depends on a text alone."""
    return sum(text.encode())
