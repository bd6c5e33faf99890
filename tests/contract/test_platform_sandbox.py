"""The sandbox: the same operations for a reviewer's key, on objects that no real name can reach."""

from dataclasses import replace
from functools import partialmethod
from typing import Any

import pytest

from api.http.api_keys import PLANE_SCOPES
from api.platform.operations import operations
from privacy.catalogue.canary_places import MAX_ACCOUNTS, PLACE_MS, SandboxPlaces
from privacy.gallery.reader import GalleryReader
from privacy.model.documents import TargetDocument
from privacy.model.engagement import Kind
from privacy.model.sandbox import MAX_CHARACTERS
from tests.support.platform_plane import (
    JSON,
    NDJSON,
    POLICY,
    PlatformPlane,
    ago,
    event,
    keys,
    lines,
    new_key,
    plane_on,
)
from tests.support.redis_server import Store

RESERVE = SandboxPlaces.reserve
REGISTERS = "v:*:r[0-9]*:*"
SCOPED = [operation for operation in operations() if operation.scope]
NAMED: dict[str, Any] = {
    "posted_at": ago(60),
    "creator_id": "c-1",
    "sound_id": "s-1",
    "hashtags": ["baking"],
}


def canary_plane(store: Store) -> PlatformPlane:
    """The plane with a canary key."""
    return plane_on(store, ("canary",))


def planted(store: Store, video_id: str = "x") -> PlatformPlane:
    """The plane with a canary key and a canary that was posted just now."""
    plane = canary_plane(store)
    body = lines({"video_id": video_id, "posted_at": ago(0)})
    assert plane.send("POST", "/v1/sandbox/videos", body, NDJSON).json["verdicts"]["created"] == 1
    return plane


def shown(store: Store, target_id: str) -> TargetDocument | None:
    """Return a target as the public plane sees it."""
    standing = GalleryReader(store.public).read_current_release(target_id, Kind.LIKE)
    return standing.target if standing else None


@pytest.mark.parametrize("scope", PLANE_SCOPES["platform"])
def test_a_key_opens_the_operations_of_its_scope(store: Store, scope: str) -> None:
    """A canary key reaches the sandbox and nothing else, and no other key reaches the sandbox."""
    plane = plane_on(store, (scope,))
    statuses = {
        operation.operation_id: plane.send(
            operation.method, operation.path.replace("{video_id}", "v-1"), b"[]"
        ).status_code
        for operation in SCOPED
    }
    assert statuses == {
        operation.operation_id: 400 if operation.scope == scope else 403 for operation in SCOPED
    }


def test_a_canary_key_has_no_other_scope(store: Store) -> None:
    """Records by key, such as those of repeated requests, are thus never shared with real ones."""
    with pytest.raises(Exception, match="canary alone"):
        new_key(store, "canary", "ingest")


def test_everything_that_names_a_canary_is_the_sandboxs(store: Store) -> None:
    """Id, creator, sound and hashtags: nothing groups it with real videos."""
    plane = canary_plane(store)
    reply = plane.send("PUT", "/v1/sandbox/videos/x", lines(NAMED), JSON)
    assert (reply.status_code, reply.json) == (201, {"video_id": "x", "verdict": "created"})
    target = shown(store, "sandbox:x")
    assert target is not None
    assert (target.creator_id, target.sound_id, target.hashtags) == (
        "sandbox:c-1",
        "sandbox:s-1",
        ["sandbox:baking"],
    )
    assert target.policy_version == f"{POLICY.version}.sandbox"
    assert shown(store, "x") is None


def test_a_canary_has_the_same_epochs_but_shorter(store: Store) -> None:
    """The first one ends after three seconds, not after an hour, and is visible three seconds later."""
    planted(store)
    target = shown(store, "sandbox:x")
    assert target is not None
    assert target.first_release_at_ms is not None
    assert target.first_release_at_ms - target.starts_at_ms == 3_000 + 3_000


@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("/v1/videos", {"video_id": "sandbox:x", "posted_at": ago(60)}),
        ("/v1/videos", {"video_id": "v-1", "posted_at": ago(60), "creator_id": "sandbox:c"}),
        ("/v1/videos", {"video_id": "v-1", "posted_at": ago(60), "sound_id": "sandbox:s"}),
        ("/v1/events", event(video_id="sandbox:x")),
        ("/v1/events", event(video_id="sandbox:x", network="n-1")),
    ],
)
def test_nothing_real_bears_a_name_of_the_sandbox(store: Store, path: str, document: Any) -> None:
    """Such an item is invalid on the fast and on the slow path, and a canary gets no real like."""
    planted(store)
    plane = plane_on(store)
    reply = plane.send("POST", path, lines(document), NDJSON)
    assert reply.json["verdicts"]["invalid"] == 1
    assert keys(store, REGISTERS) == []


def test_a_real_video_cannot_be_put_into_the_sandbox(store: Store) -> None:
    """Nor by its path."""
    reply = plane_on(store).send("PUT", "/v1/videos/sandbox:x", lines({"posted_at": ago(60)}))
    assert reply.status_code == 400
    assert "belongs to the sandbox" in reply.json["detail"]


def test_sandbox_accounts_are_not_real_accounts(store: Store) -> None:
    """A real account with the same id keeps its whole daily cap, untouched by the canary account."""
    canaries = canary_plane(store)
    names = [f"x-{number}" for number in range(POLICY.daily_cap)]
    canaries.send(
        "POST",
        "/v1/sandbox/videos",
        lines(*({"video_id": name, "posted_at": ago(0)} for name in names)),
        NDJSON,
    )
    likes = [
        event(video_id=name, account_id="a-1", occurred_at=ago(3600 - 30 * number))
        for number, name in enumerate(names)
    ]
    reply = canaries.send("POST", "/v1/sandbox/events", lines(*likes), NDJSON)
    assert reply.json["verdicts"]["counted"] == len(names)
    over = event(video_id="x-0", account_id="a-1", type="unlike")
    assert canaries.send("POST", "/v1/sandbox/events", lines(over), NDJSON).json["received"] == 1
    real = plane_on(store)
    real.register("v-1")
    assert real.events(lines(event(account_id="a-1"))).json["verdicts"]["counted"] == 1
    assert len(keys(store, REGISTERS)) == 2


def test_the_sandbox_keeps_every_rule(store: Store) -> None:
    """The daily cap, children and duplicates are treated like real ones."""
    plane = planted(store)
    outcomes = [
        plane.send("POST", "/v1/sandbox/events", lines(item), NDJSON).json["verdicts"]
        for item in (
            event(video_id="x", profile={"age_band": "under-13"}),
            event(video_id="x"),
            event(video_id="x"),
            event(video_id="y"),
        )
    ]
    assert [next(name for name, count in verdicts.items() if count) for verdicts in outcomes] == [
        "dropped_child",
        "counted",
        "duplicate",
        "unknown_target",
    ]


def test_no_network_is_kept_for_the_sandbox(store: Store) -> None:
    """Findings about networks concern real accounts only."""
    plane = planted(store)
    plane.send("POST", "/v1/sandbox/events", lines(event(video_id="x", network="n-1")), NDJSON)
    (register,) = keys(store, REGISTERS)
    assert store.root.hget(register, "n") is None


def test_an_id_that_leaves_no_room_for_the_prefix_is_refused(store: Store) -> None:
    """Otherwise no one could read the canaries."""
    plane = canary_plane(store)
    longest = "x" * MAX_CHARACTERS
    assert plane.send("PUT", f"/v1/sandbox/videos/{longest}", lines({"posted_at": ago(0)})).status_code == 201
    assert (
        plane.send("PUT", f"/v1/sandbox/videos/{longest}x", lines({"posted_at": ago(0)})).status_code == 400
    )
    reply = plane.send("POST", "/v1/sandbox/events", lines(event(video_id=f"{longest}x")), NDJSON)
    assert reply.json["verdicts"]["invalid"] == 1


def test_a_reviewers_canaries_are_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """By API key and in all. Those that are there may be sent again; of a refused batch nothing is stored."""
    plane = canary_plane(store)
    other = new_key(store, "canary")
    monkeypatch.setattr(SandboxPlaces, "reserve", partialmethod(reserve_of, 3, 5))

    def plant(*names: str) -> tuple[int, int]:
        body = lines(*({"video_id": name, "posted_at": ago(60)} for name in names))
        reply = plane.send("POST", "/v1/sandbox/videos", body, NDJSON)
        return reply.status_code, reply.json.get("verdicts", {}).get("created", 0)

    assert plant("a", "b", "b") == (200, 2)
    assert plant("c", "d") == (409, 0)
    assert shown(store, "sandbox:c") is None
    assert plant("c") == (200, 1)
    assert plant("a", "b", "c") == (200, 0)
    plane.token = other
    assert plant("e", "f", "g") == (409, 0)
    assert plant("e", "f") == (200, 2)
    assert plant("h") == (409, 0)
    put = plane.send("PUT", "/v1/sandbox/videos/h", lines({"posted_at": ago(60)}))
    assert (put.status_code, "places for 3 canaries" in put.json["detail"]) == (409, True)
    plane.clock.now_ms += PLACE_MS
    assert plant("h", "i", "j") == (200, 3)
    assert len(store.root.zrange("p:canaries", 0, -1)) == 3


def reserve_of(
    places: SandboxPlaces, max_per_key: int, max_of_all: int, key_id: str, things: Any, now_ms: int
) -> None:
    """Reserve with smaller bounds."""
    RESERVE(replace(places, max_per_key=max_per_key, max_of_all=max_of_all), key_id, things, now_ms)


def test_a_reviewers_accounts_are_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a batch with too many nothing is stored; accounts that have their place may send more."""
    plane = planted(store)
    monkeypatch.setattr(SandboxPlaces, "reserve", partialmethod(reserve_of, 3, 5))

    def send(*names: str) -> int:
        events = (event(video_id="x", account_id=name) for name in names)
        return plane.send("POST", "/v1/sandbox/events", lines(*events), NDJSON).status_code

    assert [send("a", "b", "b"), send("c", "d"), send("c"), send("a", "b", "c"), send("d")] == [
        *(200, 409, 200, 200, 409)
    ]
    stored = [name for name in keys(store, "v:*") if b":r" in name]
    assert len(stored) == 3
    assert MAX_ACCOUNTS > 5


def test_no_name_of_an_account_is_kept_in_its_place(store: Store) -> None:
    """A reviewer's account may be called like a person's: places know digests."""
    plane = planted(store)
    plane.send("POST", "/v1/sandbox/events", lines(event(video_id="x", account_id="person-8")), NDJSON)
    (place,) = store.root.zrange("p:canaries:accounts", 0, -1)
    assert len(place) == 12
    assert b"person" not in place


def test_responses_for_reviewers_are_kept_for_a_retry_alone(store: Store) -> None:
    """A reviewer's requests do not fill the store for a day."""
    plane = planted(store)
    plane.send("POST", "/v1/sandbox/events", lines(event(video_id="x")), NDJSON, Idempotency_Key="k-1")
    (name,) = keys(store, "p:idem:*")
    assert 0 < store.root.ttl(name) <= 60


def test_a_policy_may_have_no_sandbox(store: Store) -> None:
    """Then its paths return 404, even with a key for it."""
    plane = plane_on(store, ("canary",), replace(POLICY, sandbox_terms=None))
    reply = plane.send("PUT", "/v1/sandbox/videos/x", lines({"posted_at": ago(0)}))
    assert (reply.status_code, reply.json["detail"]) == (404, "The policy in force has no sandbox.")
