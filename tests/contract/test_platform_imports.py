"""`POST /v1/imports` on a real Redis: history is capped by its own days, until a target's first release."""

import msgspec
import pytest

from privacy.model.timestamp import MS_PER_DAY, MS_PER_HOUR, format_timestamp
from privacy.moderation.audit_trail import ActionStage, AuditTrail
from tests.support.platform_plane import (
    NDJSON,
    POLICY,
    PSEUDONYMISER,
    PlatformPlane,
    Reply,
    ago,
    event,
    lines,
    plane_on,
)
from tests.support.redis_server import Store

CAP = POLICY.daily_cap
VIDEOS = [f"v-{number}" for number in range(2 * CAP + 10)]
DAY_SECONDS = MS_PER_DAY // 1_000


@pytest.fixture
def plane(store: Store) -> PlatformPlane:
    """The app with registered videos, and a key that may import and send."""
    plane = plane_on(store, ("ingest", "import"))
    plane.register(*VIDEOS)
    return plane


def bring_in(plane: PlatformPlane, *events: dict[str, object], **headers: str) -> Reply:
    """Import events."""
    return plane.send("POST", "/v1/imports", lines(*events), NDJSON, **headers)


def of_day(days_ago: int, videos: list[str]) -> list[dict[str, object]]:
    """Return likes of one account on one day, a minute apart."""
    first = days_ago * DAY_SECONDS
    return [event(video_id=name, occurred_at=ago(first - 60 * at)) for at, name in enumerate(videos)]


def counted(reply: Reply) -> dict[str, int]:
    """Return the verdicts that occurred."""
    assert reply.status_code == 200
    return {verdict: count for verdict, count in reply.json["verdicts"].items() if count}


def test_years_are_imported_at_once(plane: PlatformPlane) -> None:
    """The cap of each day is that of its own events; the same events sent as new ones would meet one cap."""
    history = [*of_day(800, VIDEOS[: CAP + 5]), *of_day(799, VIDEOS[CAP + 5 : 2 * CAP + 5])]
    reply = bring_in(plane, *history)
    assert counted(reply) == {"counted": 2 * CAP, "over_cap": 5}
    assert [item["index"] for item in reply.json["not_counted"]] == [*range(CAP, CAP + 5)]
    now = [event(video_id=name) for name in VIDEOS[-5:]]
    assert counted(plane.events(lines(*now))) == {"counted": 5}


def test_a_target_that_had_its_first_release_takes_no_history(plane: PlatformPlane) -> None:
    """Its next release would show years as the gain of one epoch."""
    assert counted(bring_in(plane, *of_day(800, VIDEOS[:1]))) == {"counted": 1}
    # Registered an hour after they were posted, so their first epoch ends an hour later.
    plane.clock.now_ms += MS_PER_HOUR + POLICY.public_delay_ms - 1
    assert counted(bring_in(plane, *of_day(800, VIDEOS[1:2]))) == {"counted": 1}
    plane.clock.now_ms += 1
    assert counted(bring_in(plane, *of_day(800, VIDEOS[2:3]))) == {"late": 1}
    assert counted(plane.events(lines(event(video_id=VIDEOS[2])))) == {"counted": 1}


def test_what_is_refused_is_named_as_for_events(plane: PlatformPlane) -> None:
    """Children, unknown targets and invalid lines have the verdicts that they have otherwise."""
    reply = bring_in(
        plane,
        event(profile={"age_band": "under-13"}, occurred_at=ago(800 * DAY_SECONDS)),
        event(video_id="v-unknown", occurred_at=ago(800 * DAY_SECONDS)),
        event(occurred_at="then"),
        event(occurred_at=format_timestamp(POLICY.intake.earliest_occurred_at_ms - 1)),
        event(occurred_at=ago(-DAY_SECONDS)),
        event(occurred_at=ago(60)),
    )
    assert counted(reply) == {"dropped_child": 1, "unknown_target": 1, "invalid": 3, "late": 1}


def test_each_batch_is_in_the_audit_trail(plane: PlatformPlane, store: Store) -> None:
    """Before and after it, with its verdicts and the owner of the key; it names no account."""
    reply = bring_in(plane, *of_day(800, VIDEOS[:2]), Idempotency_Key="once")
    assert bring_in(plane, *of_day(800, VIDEOS[:2]), Idempotency_Key="once").data == reply.data
    done, requested = (entry for _, entry in AuditTrail(store.platform).read_page(None, 10))
    assert (requested.stage, done.stage) == (ActionStage.REQUESTED, ActionStage.DONE)
    assert {requested.action, done.action} == {"events.import"}
    assert (requested.owner, requested.details) == ("tests", {"received": 2})
    assert done.details == {"received": 2, "verdicts": reply.json["verdicts"]}
    assert b"account-1" not in msgspec.json.encode([requested, done])


def test_a_batch_that_cannot_be_read_is_not_begun(plane: PlatformPlane, store: Store) -> None:
    """Nothing is stored, and the trail has no entry of it."""
    assert plane.send("POST", "/v1/imports", b"\n", NDJSON).status_code == 400
    assert AuditTrail(store.platform).read_page(None, 10) == []


def test_a_network_of_then_is_not_kept(plane: PlatformPlane, store: Store) -> None:
    """Staff are shown networks of now."""
    then = ago(800 * DAY_SECONDS)
    assert counted(bring_in(plane, event(video_id=VIDEOS[0], occurred_at=then, network="n"))) == {
        "counted": 1
    }
    account = PSEUDONYMISER.pseudonymise("account-1")
    (key,) = [name for name in store.root.keys("v:*:r*") if account.pseudonym in name]
    assert not store.root.hexists(key, "n")


def test_history_is_in_no_audience_of_today(plane: PlatformPlane, store: Store) -> None:
    """Who liked years ago was not reached now; who likes now is."""
    body = lines({"video_id": "v-of-a-creator", "posted_at": ago(60), "creator_id": "c-1"})
    assert plane.send("POST", "/v1/videos", body, NDJSON).json["verdicts"]["created"] == 1
    then = event(video_id="v-of-a-creator", occurred_at=ago(800 * DAY_SECONDS))
    assert counted(bring_in(plane, then)) == {"counted": 1}
    assert store.root.keys("v:*audiences*") == []
    now = event(video_id="v-of-a-creator", account_id="account-2")
    assert counted(plane.events(lines(now))) == {"counted": 1}
    assert store.root.keys("v:*audiences*") != []
