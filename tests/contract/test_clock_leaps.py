"""A leap of a clock costs no like and nothing that is kept: the planes answer 503, the workers rest."""

from collections.abc import Callable, Iterator

import pytest

from api.http.problems import PROBLEM_JSON
from api.public.app import build_public_app
from privacy.errors import ClockError
from privacy.model.timestamp import MS_PER_DAY, MS_PER_HOUR
from privacy.store.clock import MAX_AGE_MS
from privacy.store.keys import CLOCK_ANCHOR, tally_key
from privacy.store.users import LIMITER, MAINTENANCE, PLATFORM, RELAY
from privacy.tally.outbox_relay import Relay
from tests.support.clocks import Clocks, client_of
from tests.support.gallery import publish_every_state
from tests.support.platform_plane import (
    NDJSON,
    PlatformPlane,
    Reply,
    ago,
    dump,
    event,
    keys,
    lines,
    new_key,
    plane_on,
)
from tests.support.public_plane import MemoryLog
from tests.support.public_plane import new_key as new_read_key
from tests.support.redis_server import Store
from tests.support.registers import HEADER as TALLY
from tests.support.registers import raw, vault_on
from tests.support.staff import Office, office_on

Fault = Callable[[Clocks], None]
DECADE_MS = 3_650 * MS_PER_DAY


def skew(ms: int) -> Fault:
    """A wall clock of the process that is set."""

    def set_clock(clocks: Clocks) -> None:
        clocks.wall_ms += ms

    return set_clock


def leap(ms: int) -> Fault:
    """A leap of the machine's clock, which store and process share."""
    return lambda clocks: clocks.leap(ms)


FAULTS = {
    "a process an hour behind": skew(-MS_PER_HOUR),
    "a process an hour ahead": skew(MS_PER_HOUR),
    "a process two days ahead": skew(2 * MS_PER_DAY),
    "a process ten years ahead": skew(DECADE_MS),
    "a machine an hour behind": leap(-MS_PER_HOUR),
    "a machine two days ahead": leap(2 * MS_PER_DAY),
    "a machine ten years ahead": leap(DECADE_MS),
}
faults = pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)


@pytest.fixture
def clocks() -> Clocks:
    """Clocks that agree."""
    return Clocks()


@pytest.fixture
def plane(store: Store, clocks: Clocks) -> Iterator[PlatformPlane]:
    """A platform plane with the clock that its process has, and a video."""
    with client_of(store, PLATFORM) as client:
        plane = plane_on(store, store_clock=clocks.store_clock(client, MAX_AGE_MS))
        plane.register("v-1")
        yield plane


def send(plane: PlatformPlane, body: bytes, token: str = "") -> Reply:
    """Send events, with the plane's own key if no other one is given."""
    key = {"Authorization": f"Bearer {token or plane.token}"}
    return plane.try_sending("POST", "/v1/events", body, NDJSON, **key)


@faults
def test_a_plane_whose_clock_is_contradicted_takes_nothing_in(
    store: Store, plane: PlatformPlane, clocks: Clocks, fault: Fault
) -> None:
    """True likes are neither `invalid` nor `late`: the feed sends them again later, and they count."""
    before, body = dump(store), lines(*(event(account_id=f"a-{number}") for number in range(3)))
    clocks.advance(MAX_AGE_MS)
    right = Clocks(clocks.store_ms, clocks.wall_ms)
    fault(clocks)
    reply = send(plane, body)
    assert (reply.status_code, reply.content_type) == (503, PROBLEM_JSON)
    assert reply.json["type"] == "urn:likewise:problem:clocks-disagree"
    assert reply.json["detail"].startswith("Nothing was acknowledged. The ")
    assert reply.headers["Retry-After"]
    assert dump(store) == before
    clocks.store_ms, clocks.wall_ms = right.store_ms, right.wall_ms
    assert send(plane, body).json["verdicts"]["counted"] == 3


@faults
def test_readiness_says_which_clock_is_wrong_and_liveness_does_not_depend_on_it(
    plane: PlatformPlane, clocks: Clocks, fault: Fault
) -> None:
    """A balancer stops sending requests, and nobody restarts the process for it."""
    clocks.advance(MAX_AGE_MS)
    fault(clocks)
    ready = Reply.of(plane.client.get("/readyz"))
    assert ready.status_code == 503
    assert (
        " s ahead of " in ready.json["detail"]
        or " s behind " in ready.json["detail"]
        or ("`likewise store accept-clock`" in ready.json["detail"])
    )
    assert plane.client.get("/healthz").status_code == 200
    assert plane.client.get("/metrics").status_code == 200


@pytest.mark.parametrize(
    "fault", [skew(200 * MS_PER_DAY), leap(200 * MS_PER_DAY)], ids=["process", "machine"]
)
def test_no_key_expires_by_a_leap(store: Store, plane: PlatformPlane, clocks: Clocks, fault: Fault) -> None:
    """A feed with a key of 90 days is not told that its key is wrong, which it would not try again."""
    token = new_key(store, "ingest", lifetime_seconds=90 * 86_400)
    clocks.advance(MAX_AGE_MS)
    fault(clocks)
    assert send(plane, lines(event()), token).status_code == 503


def test_a_like_counts_on_the_day_on_which_it_came(plane: PlatformPlane, clocks: Clocks) -> None:
    """A day's cap cannot be had twice by a clock that leaps, and no later day is used up."""
    videos = [f"w-{number}" for number in range(105)]
    plane.register(*videos)
    likes = [event(video_id=video, occurred_at=ago(3500 - 20 * place)) for place, video in enumerate(videos)]
    assert send(plane, lines(*likes)).json["verdicts"]["over_cap"] == 5
    clocks.advance(MAX_AGE_MS)
    clocks.leap(2 * MS_PER_DAY)
    assert send(plane, lines(*likes)).status_code == 503
    clocks.leap(-2 * MS_PER_DAY)
    assert send(plane, lines(*likes)).json["verdicts"]["over_cap"] == 5


@pytest.fixture
def office(store: Store) -> Office:
    """An office with something of all that is swept: erased and deleted accounts, staff actions, a job."""
    office = office_on(store)
    office.plane.register("v-1", "v-2")
    for name in ("a", "b", "c", "d"):
        office.like(name, "v-1", "v-2")
    office.moderate("restrict", "a", until="2026-06-01T00:00:00Z")
    office.moderate("delete", "b")
    office.request("erasures", "c")
    office.work()
    office.purge({"account_id": "d"})
    return office


def erasure_log(store: Store) -> bytes:
    """The erasure log, which is outside the store."""
    return (store.server.folder / "rollback-guard" / f"{'0' * 32}.erasures").read_bytes()


def tombstones(store: Store) -> set[bytes]:
    """The names of erased accounts."""
    return {raw(name) for key in keys(store, "v:*:tombstones") for name in store.root.hkeys(key)}


def work_for_days(office: Office, steps: int = 100) -> None:
    """Let the maintenance worker make enough steps for whole sweeps; it may refuse each of them."""
    for _ in range(steps):
        try:
            office.maintenance.step()
        except ClockError:
            continue


def test_the_maintenance_worker_drops_nothing_by_a_leap(store: Store, office: Office, clocks: Clocks) -> None:
    """Tombstones, the erasure log, the audit trail, accounts and timers survive years that were none."""
    with client_of(store, MAINTENANCE) as client:
        office.maintenance.clock = clocks.store_clock(client)
        office.maintenance.clock()
        before, listed = dump(store), erasure_log(store)
        for ms in (25 * MS_PER_HOUR, DECADE_MS):
            clocks.leap(ms)
            work_for_days(office)
            assert dump(store) == before
            assert erasure_log(store) == listed
            clocks.leap(-ms)
        office.maintenance.step()


def test_without_the_comparison_the_same_leap_destroys(store: Store, office: Office) -> None:
    """The test above looks at what is lost: a worker that believes its wall clock empties all of it."""
    accounts, closed, listed = keys(store, "v:*:r0:*"), tombstones(store), erasure_log(store)
    first_entry = store.root.xrange("p:audit", count=1)
    office.plane.clock.now_ms += DECADE_MS
    work_for_days(office)
    assert closed - tombstones(store)
    assert set(accounts) - set(keys(store, "v:*:r0:*"))
    assert store.root.xrange("p:audit", count=1) != first_entry
    assert erasure_log(store) != listed


@pytest.mark.parametrize("leap_ms", [25 * MS_PER_HOUR, DECADE_MS])
def test_the_relay_moves_no_watermark_by_a_leap(store: Store, clocks: Clocks, leap_ms: int) -> None:
    """No epoch is cut before its time; a relay that believes whatever the server says would cut them all."""
    vault_on(store, 4, 100).record([("a", 16, 0, 0, 1)], 0)
    for shard in range(TALLY.target_shards):
        store.root.zadd(tally_key(shard, "due"), {"16": clocks.store_ms + MS_PER_HOUR})
    with client_of(store, RELAY) as client:
        clock = clocks.store_clock(client)
        clock()
        before = dump(store)
        clocks.leap(leap_ms)
        with pytest.raises(ClockError):
            Relay(client, TALLY, clock).step()
        assert dump(store) == before
        Relay(client, TALLY, lambda: clocks.store_ms).step()
        assert watermarks(store) == [clocks.store_ms - 1] * TALLY.target_shards


def watermarks(store: Store) -> list[int]:
    """Up to when each target shard has applied every outbox."""
    shards = range(TALLY.target_shards)
    return [int(raw(store.root.hget(tally_key(shard, "offsets"), "watermark"))) for shard in shards]


def test_the_public_plane_answers_503_and_not_401(store: Store, clocks: Clocks) -> None:
    """Readers try again later; a key that is live is not called expired."""
    publish_every_state(store)
    with client_of(store, LIMITER) as client:
        clock = clocks.store_clock(client, has_anchor=False)
        app = build_public_app(store.public, store.limiter, clock, MemoryLog())
        headers = {"Authorization": f"Bearer {new_read_key(store, 'read', now_ms=clocks.store_ms)[0]}"}
        path = "/v1/videos/shown/likes"
        assert app.test_client().get(path, headers=headers).status_code == 200
        clocks.wall_ms += 200 * MS_PER_DAY
        answer = app.test_client().get(path, headers=headers)
        assert answer.status_code == 503
        assert app.test_client().get("/readyz").status_code == 503
        assert app.test_client().get("/healthz").status_code == 200
    assert store.root.get(CLOCK_ANCHOR) is None
