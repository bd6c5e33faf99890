"""Advisories: the findings of the sweep for staff, and that they change no count."""

from functools import partial

import msgspec
import pytest

from privacy.maintenance.anomalies import CoordinatedActivityDetector
from tests.support.platform_plane import NDJSON, POLICY, PSEUDONYMISER, ago, event, lines
from tests.support.redis_server import Store
from tests.support.staff import Office, office_on

VIDEOS = [f"v-{number}" for number in range(40)]
RULES = msgspec.structs.replace(
    POLICY.integrity, network_accounts=3, sequence_targets=3, sequence_accounts=3, burst_likes=30
)


@pytest.fixture
def office(store: Store) -> Office:
    """An office whose detector needs only three accounts or targets for a finding."""
    office = office_on(store)
    office.plane.register(*VIDEOS)
    office.maintenance.sweep.new_detector = partial(CoordinatedActivityDetector, RULES)
    return office


def sweep(office: Office) -> list[dict[str, object]]:
    """Run a sweep, and read the advisories."""
    list(office.maintenance.sweep.run(office.plane.clock.now_ms))
    advisories: list[dict[str, object]] = office.read("moderation/advisories")["advisories"]
    return advisories


def handles(*account_ids: str) -> set[str]:
    """Return the handles of some accounts."""
    return {handle.name.hex() for handle in PSEUDONYMISER.derive_handles(account_ids)}


def test_accounts_on_one_network_are_shown(office: Office) -> None:
    """Three on one network are shown; two on another are not."""
    networks = {"a": "net-1", "b": "net-1", "c": "net-1", "d": "net-2", "e": "net-2"}
    likes = [
        event(account_id=name, video_id=f"v-{ord(name) - 97}", network=net) for name, net in networks.items()
    ]
    office.plane.events(lines(*likes))
    advisory, *others = sweep(office)
    assert (advisory["signal"], advisory["weight"], others) == ("network", 3, [])
    assert set(advisory["handles"]) == handles("a", "b", "c")  # type: ignore[call-overload] # a list


def test_accounts_that_do_the_same_in_the_same_order_are_shown(office: Office) -> None:
    """The same videos in another order are no finding."""
    for name in ("a", "b", "c"):
        office.like(name, "v-1", "v-2", "v-3", "v-4")
    office.like("d", "v-4", "v-3", "v-2", "v-1")
    advisory, *others = sweep(office)
    assert (advisory["signal"], advisory["weight"], others) == ("sequence", 3, [])
    assert set(advisory["handles"]) == handles("a", "b", "c")  # type: ignore[call-overload] # a list


def test_accounts_that_were_resynced_are_not_shown(office: Office) -> None:
    """A list has one time for all its engagements, which is no order in which anyone did anything."""
    for name in ("a", "b", "c"):
        document = {
            "account_id": name,
            "kind": "like",
            "as_of": ago(10),
            "engagements": [{"video_id": video} for video in VIDEOS[:5]],
            "note": "a test",
        }
        assert office.post("moderation/resyncs", document).json["added"] == 5
    assert sweep(office) == []


def test_bursts_are_shown_and_an_erased_account_is_not(office: Office) -> None:
    """Likes without a pause are not counted, and the account is shown until it is erased."""
    burst = [
        event(account_id=name, video_id=video, occurred_at=ago(60)) for name in ("a", "b") for video in VIDEOS
    ]
    office.plane.events(lines(*burst), NDJSON)
    assert [advisory["signal"] for advisory in sweep(office)].count("bursts") == 2
    office.request("erasures", "a")
    shown = office.read("moderation/advisories")["advisories"]
    named = {handle for advisory in shown for handle in advisory["handles"]}
    assert handles("a") & named == set()
    assert handles("b") <= named


def test_an_account_that_is_erased_during_a_sweep_is_not_shown(office: Office) -> None:
    """The sweep has read the account, and replaces the advisories after its erasure."""
    for name in ("a", "b", "c"):
        office.like(name, "v-1", "v-2", "v-3")
    now_ms = office.plane.clock.now_ms
    steps = len(list(office.maintenance.sweep.run(now_ms)))
    running = office.maintenance.sweep.run(now_ms)
    for _ in range(steps):
        next(running)
    office.request("erasures", "a")
    assert list(running) == []
    (advisory,) = office.read("moderation/advisories")["advisories"]
    assert set(advisory["handles"]) == handles("b", "c")


def test_a_sweep_changes_no_count(office: Office) -> None:
    """An advisory has no automatic effect."""
    for name in ("a", "b", "c"):
        office.like(name, "v-1", "v-2", "v-3", "v-4")
    before = office.read_changes()
    assert sweep(office)
    assert office.read_changes() == before
