"""Every route of the public plane with a key that is limited to creators: it gets nothing about others."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

import pytest
import requests

from api.http.caller import ReaderLimits
from api.public.access.readable import UNREADABLE
from api.public.app import build_public_app
from api.public.operations import operations
from privacy.publishing.publisher import Publisher
from tests.support.gallery import NOW_MS, publish, release, target
from tests.support.public_plane import MemoryLog, PublicPlane, new_key, public_plane
from tests.support.redis_server import Store
from tests.support.signing_world import sign_gallery

OPERATIONS: Final = {operation.operation_id: operation for operation in operations() if operation.scope}
REFUSED: Final = sorted(name for name, operation in OPERATIONS.items() if operation.limited == "refused")
OPEN: Final = {
    "get_guarantee": "/v1/privacy",
    "get_dimensions": "/v1/dimensions",
    "get_ledger_proof": "/v1/privacy/ledger/proof?shard=1&sequence=0",
    "get_ledger_heads": "/v1/privacy/ledger/heads",
}
VIDEO: Final = "/v1/videos/{video}"
CREATOR: Final = "/v1/creators/{creator}"
CHECKED: Final = {
    "get_video": VIDEO,
    "get_likes": f"{VIDEO}/likes",
    "get_likes_breakdown": f"{VIDEO}/likes/breakdowns/device",
    "get_likes_timeseries": f"{VIDEO}/likes/timeseries",
    "get_likes_changes": f"{VIDEO}/likes/changes",
    "get_favorites": f"{VIDEO}/favorites",
    "get_favorites_breakdown": f"{VIDEO}/favorites/breakdowns/device",
    "get_favorites_timeseries": f"{VIDEO}/favorites/timeseries",
    "get_favorites_changes": f"{VIDEO}/favorites/changes",
    "get_benchmark": f"{VIDEO}/benchmark",
    "get_creator": CREATOR,
    "get_creator_videos": f"{CREATOR}/videos",
    "get_followers": f"{CREATOR}/followers",
    "get_followers_breakdown": f"{CREATOR}/followers/breakdowns/device",
    "get_followers_timeseries": f"{CREATOR}/followers/timeseries",
    "get_followers_changes": f"{CREATOR}/followers/changes",
    "get_authenticity": f"{CREATOR}/authenticity",
    "get_creator_audience": f"{CREATOR}/audience",
    "get_release": "/v1/releases/like/{video}/0",
}
"""By operation, a path whose arguments name one video or one creator."""
LISTS: Final = {"get_videos": "/v1/videos?ids={video}", "get_creators": "/v1/creators?ids={creator}"}
"""Those whose arguments name several: what is not readable is unknown there."""
IN_QUERIES: Final = ("get_query", "post_query")
"""In `test_public_query.py`."""
OWN: Final = {"video": "shown", "creator": "maker"}
THEIRS: Final = {"video": "foreign", "creator": "c-99"}
UNKNOWN: Final = {"video": "nobody", "creator": "no-one"}
MARKS: Final = ("Their secret", "777777")
LIMITS: Final = ReaderLimits(creators=("c-12", "maker"))
CHANGING: Final = {"Date", "RateLimit"}


@pytest.fixture(scope="module")
def two_creators(shared_store: Store, published: Mapping[bytes, bytes]) -> Mapping[bytes, bytes]:
    """What a store holds in which somebody else has a video with a title and numbers of its own."""
    shared_store.put_back(published)
    theirs = {"creator_id": "c-99", "title": MARKS[0]}
    figures = (777777, 777000, 778000)
    publish(
        shared_store,
        [
            target("foreign", **theirs),
            target("hidden", **theirs, taken_down="legal"),
            target("c-99", target_type="creator", creator_id=None, title=MARKS[0]),
        ],
        [release("foreign", 0, figures), release("c-99", 0, figures, kind="follow")],
        shard=2,
    )
    sign_gallery(shared_store)
    return shared_store.dump()


@pytest.fixture
def plane(store: Store, two_creators: Mapping[bytes, bytes]) -> Iterator[PublicPlane]:
    """A running public plane with the videos of two creators."""
    store.put_back(two_creators)
    with public_plane(store) as running:
        yield running


@pytest.fixture
def limited(store: Store, plane: PublicPlane) -> str:  # noqa: ARG001 - the plane fills the store first
    """A key that reads two creators."""
    return new_key(store, "read", "audit", limits=LIMITS)[0]


def seen(answer: requests.Response) -> tuple[int, bytes, dict[str, str]]:
    """All of a response that may depend on what was asked for."""
    headers = {name: value for name, value in answer.headers.items() if name not in CHANGING}
    return answer.status_code, answer.content, headers


def test_every_operation_is_listed() -> None:
    """An operation that a limited reader reaches is in one of the tables above."""
    listed = {
        "checked": {*CHECKED, *LISTS, *IN_QUERIES},
        "open": {*OPEN, "get_access"},
        "refused": {*REFUSED},
    }
    assert listed == {
        limited: {name for name, operation in OPERATIONS.items() if operation.limited == limited}
        for limited in listed
    }


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_about_everybody_is_refused(plane: PublicPlane, limited: str, name: str) -> None:
    """Whatever the arguments are, an operation that nobody has opened says 403 to a limited reader."""
    operation = OPERATIONS[name]
    url = plane.url + re.sub(r"{\w+}", "maker", operation.path)
    headers = {"Authorization": f"Bearer {limited}"}
    answer = requests.request(operation.method, url, headers=headers, timeout=10)
    assert (answer.status_code, answer.json()["title"]) == (403, "Forbidden")
    assert "single creators" in answer.json()["detail"]


@pytest.mark.parametrize("name", CHECKED)
def test_what_belongs_to_others_is_as_what_does_not_exist(
    plane: PublicPlane, limited: str, name: str
) -> None:
    """Its own numbers come as for any key; to all else there is one response, whatever a cache holds."""
    path = CHECKED[name]
    own, any_key = plane.get(path.format(**OWN), token=limited), plane.get(path.format(**OWN))
    assert (own.status_code, own.content) == (200, any_key.content)
    plane.get(path.format(**THEIRS))
    theirs, unknown, hidden = (
        plane.get(path.format(**asked), token=limited)
        for asked in (THEIRS, UNKNOWN, THEIRS | {"video": "hidden"})
    )
    assert (theirs.status_code, theirs.json()["detail"]) == (403, UNREADABLE)
    assert seen(theirs) == seen(unknown) == seen(hidden)
    assert not any(mark in theirs.text for mark in MARKS)


@pytest.mark.parametrize("name", LISTS)
def test_what_belongs_to_others_is_unknown_in_lists(plane: PublicPlane, limited: str, name: str) -> None:
    """Several ids: those of others, shown or taken down, are unknown."""
    path = LISTS[name]
    ids = {kind: f"{OWN[kind]},{THEIRS[kind]},{UNKNOWN[kind]},hidden" for kind in OWN}
    document = plane.get(path.format(**ids), token=limited).json()
    for of_filters in ("next_cursor", "compared"):
        assert document.pop(of_filters, None) is None
    shown = document.pop("videos" if "videos" in document else "creators")
    assert [one.get("video_id", one.get("creator_id")) for one in shown] in (["shown"], ["maker"])
    assert document == {
        "gone": [],
        "unknown": sorted({*ids[path[-8:-1].strip("{=s")].split(",")} - {*OWN.values()}),
    }
    assert not any(mark in str((shown, document)) for mark in MARKS)


@pytest.mark.parametrize("name", OPEN)
def test_what_is_the_same_for_everybody(plane: PublicPlane, limited: str, name: str) -> None:
    """What names nobody comes as for any key."""
    own, any_key = plane.get(OPEN[name], token=limited), plane.get(OPEN[name])
    assert (own.status_code, own.content) == (200, any_key.content)
    assert not any(id_ in own.text for id_ in (*THEIRS.values(), *MARKS))


def test_a_key_says_what_it_reads(plane: PublicPlane, limited: str) -> None:
    """Whoever is given a key can ask what it is for."""
    expected = {"credential": "key", "scopes": ["audit", "read"], "requests_per_minute": 1_000_000}
    for token, creators in ((limited, ["c-12", "maker"]), ("", None)):
        answer = plane.get("/v1/access", token=token)
        assert answer.headers["Cache-Control"] == "no-store"
        document = answer.json()
        assert document.pop("expires_at") == "2026-05-05T14:01:00Z"
        assert document == expected | {"creators": creators}


def test_a_limited_key_asks_the_store_the_same_for_both(
    plane: PublicPlane, store: Store, limited: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The work does not tell what exists: as many reads for a video of others as for none."""
    monkeypatch.setattr("api.public.app.time.monotonic", lambda: 0.0)
    client = build_public_app(store.public, store.limiter, lambda: NOW_MS, MemoryLog()).test_client()

    def ask(video_id: str, token: str) -> dict[str, int]:
        store.root.config_resetstat()
        for path in (CHECKED["get_likes"], CHECKED["get_likes_changes"], CHECKED["get_release"]):
            client.get(path.format(video=video_id), headers={"Authorization": f"Bearer {token}"})
        calls = {name: stats["calls"] for name, stats in store.root.info("commandstats").items()}
        return {
            name: number for name, number in calls.items() if name not in {"cmdstat_set", "cmdstat_incrby"}
        }

    ask("foreign", plane.token)  # both keys and the numbers of the video are in the cache now
    ask("shown", limited)
    theirs, unknown = ask("foreign", limited), ask("nobody", limited)
    assert theirs["cmdstat_get"] == 3
    assert theirs == unknown


def test_a_video_that_moves_is_closed_at_once(plane: PublicPlane, store: Store, limited: str) -> None:
    """A video belongs to the creator that it names now, even while its numbers are in a cache."""
    paths = [path.format(**OWN) for path in CHECKED.values() if VIDEO in path]
    assert [plane.get(path, token=limited).status_code for path in paths] == [200] * len(paths)
    Publisher(store.publisher).publish_targets([target("shown", creator_id="c-99", revision=1)])
    assert [plane.get(path, token=limited).status_code for path in paths] == [403] * len(paths)
    moved = target("shown", creator_id=None, revision=2)
    Publisher(store.publisher).publish_targets([moved])
    assert {plane.get(path, token=limited).status_code for path in paths} == {403}


@pytest.mark.parametrize(
    "path",
    ["/v1/videos?creator_id=c-12", "/v1/query?creator_id=c-12&by=video", "/v1/query?ids=shown&by=video"],
)
def test_a_video_that_moves_leaves_every_list(
    plane: PublicPlane, store: Store, limited: str, path: str
) -> None:
    """A list of a creator's videos has none that names another one by now, nor one that belongs to nobody."""
    before = plane.get(path, token=limited)
    assert (before.status_code, "1284" in before.text) == (200, True)
    for revision, creator_id in enumerate(("c-99", None), 1):
        moved = target("shown", creator_id=creator_id, revision=revision)
        Publisher(store.publisher).publish_targets([moved])
        after = plane.get(path, token=limited)
        assert (after.status_code, "1284" in after.text) == (200, False)
    assert not any(mark in after.text for mark in MARKS)


@pytest.mark.parametrize(
    "asked", ["creator_id=c-99", "hashtag=baking", "hashtag=baking&creator_id=c-99", "sound_id=s-7", ""]
)
def test_filters_over_others_are_refused(plane: PublicPlane, limited: str, asked: str) -> None:
    """A list that is not that of one's own creator is refused, whatever else the filter says."""
    for path in (f"/v1/videos?{asked}", f"/v1/query?by=video&{asked}"):
        answer = plane.get(path, token=limited)
        assert answer.status_code in {400, 403}, answer.text
        assert not any(mark in answer.text for mark in MARKS)


def test_validators_of_another_key_open_nothing(plane: PublicPlane, limited: str) -> None:
    """Who knows the ETag that another key was given does not learn whether it is still current."""
    for path in ("/v1/videos/foreign/likes", "/v1/creators/c-99/videos"):
        known = {"If-None-Match": plane.get(path).headers["ETag"]}
        assert plane.get(path, headers=known).status_code == 304
        assert plane.get(path, headers=known, token=limited).status_code == 403
    assert plane.get("/v1/videos/shown/likes").headers["Vary"] == "Authorization"


def test_head_is_refused_as_get(plane: PublicPlane, limited: str) -> None:
    """HEAD says no more than GET."""
    for asked, status in ((OWN, 200), (THEIRS, 403), (UNKNOWN, 403)):
        answer = requests.head(
            plane.url + CHECKED["get_likes"].format(**asked),
            headers={"Authorization": f"Bearer {limited}"},
            timeout=10,
        )
        assert (answer.status_code, answer.content) == (status, b"")


@pytest.mark.parametrize(
    "spelling", ["c-12%20", "C-12", "c-12%00", "c%2D12x", "c-12%E2%80%8B", "%EF%BD%83-12"]
)
def test_another_spelling_is_another_creator(plane: PublicPlane, limited: str, spelling: str) -> None:
    """Ids are compared byte for byte: what looks alike is refused by its form, or not readable."""
    assert plane.get(f"/v1/creators/{spelling}/audience", token=limited).status_code in {400, 403, 404}


def test_cursors_of_another_key_open_nothing(plane: PublicPlane, limited: str) -> None:
    """A cursor into the list of another creator belongs to no list of one's own."""
    cursor = plane.get("/v1/creators/c-99/videos?limit=1").json()["next_cursor"]
    assert cursor
    assert plane.get(f"/v1/creators/maker/videos?cursor={cursor}", token=limited).status_code == 400
    assert plane.get(f"/v1/creators/c-99/videos?cursor={cursor}", token=limited).status_code == 403


def test_a_key_of_web_pages(plane: PublicPlane, store: Store) -> None:
    """A key that is limited to origins works with one of them, and neither with another nor without."""
    limits = ReaderLimits(origins=("https://a.example", "https://b.example:8443"))
    token = new_key(store, "read", limits=limits)[0]

    def status(origin: str | None) -> int:
        headers = {"Origin": origin} if origin else {}
        return plane.get("/v1/videos/foreign/likes", token=token, headers=headers).status_code

    assert [status(origin) for origin in limits.origins] == [200, 200]
    refused = (
        None,
        "null",
        "https://a.example.evil",
        "https://b.example",
        "http://a.example",
        "https://A.example",
    )
    assert {status(origin) for origin in refused} == {403}


def test_a_key_from_before_limits_reads_all(plane: PublicPlane, store: Store) -> None:
    """A record without limits, as earlier versions wrote it, is not limited; nor does a new one differ."""
    token, record = new_key(store, "read")
    stored = store.root.get(f"g:keys:{record.key_id}")
    assert isinstance(stored, bytes)
    assert b"creators" not in stored
    assert plane.get("/v1/videos/foreign/likes", token=token).status_code == 200
