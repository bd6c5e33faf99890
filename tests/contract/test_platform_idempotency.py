"""Idempotency-Key on a real Redis: a repeated request gets its own response again."""

import gzip
import hashlib
import os
from threading import Barrier, Thread
from typing import Any

import pytest
from werkzeug.datastructures import Headers

from api.http.idempotency import CLAIM_SECONDS, Idempotency
from api.http.operation import Request, Response
from privacy.errors import ConflictError, StoreBusyError
from privacy.vault.registers import RegisterStore
from tests.support.platform_plane import (
    JSON,
    NDJSON,
    NOW_MS,
    POLICY,
    PlatformPlane,
    ago,
    array,
    event,
    keys,
    lines,
    new_key,
    plane_on,
    value,
    written_keys,
)
from tests.support.redis_server import Store

KEY = bytes(32)
REPLAYED = "Idempotency-Replayed"
BATCH = lines(event(), event(account_id="bad id"), event(video_id="v-none"))


@pytest.fixture
def plane(store: Store) -> PlatformPlane:
    """The app, with one registered video."""
    plane = plane_on(store)
    plane.register("v-1")
    return plane


def kept(store: Store) -> list[bytes]:
    """Return the names of the records."""
    return keys(store, "p:idem:*")


def test_the_same_request_gets_the_same_bytes(plane: PlatformPlane) -> None:
    """The response is repeated byte for byte, and a header says so."""
    first = plane.events(BATCH, Idempotency_Key="k-1")
    again = plane.events(BATCH, Idempotency_Key="k-1")
    assert (first.status_code, REPLAYED in first.headers) == (200, False)
    assert first.json["verdicts"]["counted"] == 1
    assert (again.status_code, again.headers[REPLAYED]) == (200, "true")
    assert (again.data, again.content_type) == (first.data, first.content_type)


def test_compression_does_not_make_another_request(plane: PlatformPlane) -> None:
    """The content decides, not its encoding."""
    first = plane.events(BATCH, Idempotency_Key="k-1")
    again = plane.events(gzip.compress(BATCH), Idempotency_Key="k-1", Content_Encoding="gzip")
    assert (again.data, again.headers[REPLAYED]) == (first.data, "true")


def test_another_body_under_the_same_key_is_refused(plane: PlatformPlane, store: Store) -> None:
    """422, and the other request does not run."""
    plane.events(lines(event(video_id="v-none")), Idempotency_Key="k-1")
    answer = plane.events(lines(event()), Idempotency_Key="k-1")
    assert (answer.status_code, answer.content_type) == (422, "application/problem+json")
    assert written_keys(store) == []


def test_another_route_or_form_under_the_same_key_is_refused(plane: PlatformPlane) -> None:
    """The key belongs to the whole request, including path and form of the body."""
    plane.events(array(event()), JSON, Idempotency_Key="k-1")
    assert plane.events(array(event()), NDJSON, Idempotency_Key="k-1").status_code == 422
    answer = plane.send("POST", "/v1/videos", array(event()), JSON, Idempotency_Key="k-1")
    assert answer.status_code == 422


def test_another_callers_key_is_another_key(plane: PlatformPlane, store: Store) -> None:
    """Two callers may use the same key: each request runs."""
    plane.events(BATCH, Idempotency_Key="k-1")
    plane.token = new_key(store, "ingest")
    other = plane.events(BATCH, Idempotency_Key="k-1")
    assert REPLAYED not in other.headers
    assert other.json["verdicts"]["duplicate"] == 1
    assert len(kept(store)) == 2


def test_videos_in_bulk_take_the_header_too(plane: PlatformPlane) -> None:
    """Registering again under the key repeats `created`."""
    batch = lines({"video_id": "v-9", "posted_at": ago(60)})
    first = plane.send("POST", "/v1/videos", batch, NDJSON, Idempotency_Key="k-1")
    again = plane.send("POST", "/v1/videos", batch, NDJSON, Idempotency_Key="k-1")
    assert first.json["verdicts"]["created"] == 1
    assert (again.data, again.headers[REPLAYED]) == (first.data, "true")


def test_a_refused_request_does_not_use_its_key_up(plane: PlatformPlane, store: Store) -> None:
    """A problem is not kept: the corrected request may use the key."""
    assert plane.events(b"[", JSON, Idempotency_Key="k-1").status_code == 400
    assert kept(store) == []
    assert plane.events(BATCH, Idempotency_Key="k-1").status_code == 200


def test_responses_are_kept_for_the_policys_retention(plane: PlatformPlane, store: Store) -> None:
    """The record expires with the policy's retention."""
    plane.events(BATCH, Idempotency_Key="k-1")
    (name,) = kept(store)
    assert (
        POLICY.retention.idempotency_seconds - 5
        <= store.root.ttl(name)
        <= POLICY.retention.idempotency_seconds
    )


def test_a_response_that_is_too_large_is_not_kept(plane: PlatformPlane, store: Store) -> None:
    """A batch of bad events leaves a digest; the repetition runs again, and another body is still refused."""
    odd = [event(account_id=f"a-{number}", occurred_at=os.urandom(20).hex()) for number in range(4_000)]
    first = plane.events(lines(*odd), Idempotency_Key="k-1")
    (name,) = kept(store)
    assert len(value(store, name)) < 100
    again = plane.events(lines(*odd), Idempotency_Key="k-1")
    assert (again.data, REPLAYED in again.headers) == (first.data, False)
    assert plane.events(lines(*odd[1:]), Idempotency_Key="k-1").status_code == 422


def test_the_largest_batch_of_duplicates_is_kept(plane: PlatformPlane) -> None:
    """Its response is within the bound."""
    batch = lines(*(event(account_id=f"account-{number}", profile=None) for number in range(10_000)))
    plane.events(batch)
    first, again = (plane.events(batch, Idempotency_Key="k-1") for _ in range(2))
    assert first.json["verdicts"]["duplicate"] == 10_000
    assert (again.data, again.headers[REPLAYED]) == (first.data, "true")


def test_what_is_kept_does_not_tell_whose_request_it_was(store: Store) -> None:
    """Account ids can be tried: the digest of an erasure's request beside its receipt is a keyed one."""
    plane = plane_on(store, ("privacy",))
    body = lines({"account_id": "a-2001", "note": "request 117"})
    assert plane.send("POST", "/v1/rights/erasures", body, Idempotency_Key="k-1").status_code == 200
    (name,) = kept(store)
    operation = b"POST /v1/rights/erasures\n"
    guesses = [body, operation + body, body.strip(), operation + body.strip(), b"a-2001"]
    digests = [hashlib.new(kind, guess).digest() for kind in ("sha256", "blake2b") for guess in guesses]
    assert not any(digest in value(store, name) for digest in digests)


def test_a_repetition_is_refused_while_the_request_runs(
    plane: PlatformPlane, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """409 while the first one runs, on a claim that expires; then the first one's response."""
    working, go_on = Barrier(2, timeout=30), Barrier(2, timeout=30)
    record, answers = RegisterStore.record_columns, []

    def slow_record(self: RegisterStore, *arguments: Any, **named: Any) -> Any:
        working.wait()
        go_on.wait()
        return record(self, *arguments, **named)

    monkeypatch.setattr(RegisterStore, "record_columns", slow_record)
    first = Thread(target=lambda: answers.append(plane.events(BATCH, Idempotency_Key="k-1")))
    first.start()
    working.wait()
    second = plane.events(BATCH, Idempotency_Key="k-1")
    (name,) = kept(store)
    assert 0 < store.root.ttl(name) <= CLAIM_SECONDS
    go_on.wait()
    first.join()
    assert (second.status_code, second.content_type) == (409, "application/problem+json")
    assert second.headers["Retry-After"] == "1"
    assert plane.events(BATCH, Idempotency_Key="k-1").data == answers[0].data


def call(text: str = "k-1") -> Request:
    """A request with the header."""
    return Request({}, {}, b"", Headers({"Idempotency-Key": text}), None, NOW_MS)


def test_a_request_that_outlives_its_claim_does_not_replace_what_came_after(store: Store) -> None:
    """Its caller gets its response; the key is another request's by then, and repeats that response."""
    slow, quick = (Idempotency(store.platform, 60, os.urandom, lambda: KEY) for _ in range(2))

    def outlive() -> Response:
        store.root.flushall()  # the claim lapses
        quick.run_idempotent(call(), "POST /", b"", lambda: Response(b"second"))
        return Response(b"first")

    assert slow.run_idempotent(call(), "POST /", b"", outlive).body == b"first"
    assert quick.run_idempotent(call(), "POST /", b"", outlive).body == b"second"


def test_a_failure_releases_the_key(store: Store) -> None:
    """A request that fails for any reason may be sent again at once."""
    idempotency = Idempotency(store.platform, 60, os.urandom, lambda: KEY)

    def fail() -> Response:
        raise StoreBusyError("the store does not answer")

    with pytest.raises(StoreBusyError):
        idempotency.run_idempotent(call(), "POST /", b"", fail)
    assert idempotency.run_idempotent(call(), "POST /", b"", lambda: Response(b"done")).body == b"done"


def test_a_response_that_cannot_be_kept_is_returned_all_the_same(store: Store) -> None:
    """A request that has run gets its response even if the store fails right after it."""
    idempotency = Idempotency(store.platform, 60, os.urandom, lambda: KEY)

    def act() -> Response:
        store.root.config_set("maxmemory", "1")
        return Response(b"done")

    try:
        assert idempotency.run_idempotent(call(), "POST /", b"", act).body == b"done"
    finally:
        store.root.config_set("maxmemory", "0")
    with pytest.raises(ConflictError):  # so it was not kept: the claim stands until it lapses
        idempotency.run_idempotent(call(), "POST /", b"", act)


@pytest.mark.parametrize("text", ["", " ", "a b", "a" * 256, "\u00e9", "a\tb"])
def test_the_key_must_be_visible_ascii(plane: PlatformPlane, text: str) -> None:
    """Anything else is a 400 that names the header."""
    answer = plane.events(BATCH, Idempotency_Key=text)
    assert (answer.status_code, answer.json["field"]) == (400, "Idempotency-Key")


def test_the_longest_key_is_taken(plane: PlatformPlane) -> None:
    """255 characters, every visible one among them."""
    text = "".join(map(chr, range(33, 127))).ljust(255, "x")
    assert plane.events(BATCH, Idempotency_Key=text).status_code == 200
