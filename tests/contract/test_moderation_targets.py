"""Staff actions on targets and single engagements, and resyncs."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from privacy.model.engagement import Reason
from tests.support.platform_plane import NDJSON, POLICY, Reply, ago, event, lines, plane_on
from tests.support.redis_server import Store
from tests.support.staff import Office, office_on

VIDEOS = ("v-1", "v-2", "v-3")


@pytest.fixture
def office(store: Store) -> Office:
    """An office, with three videos that account-1 likes, and a creator whom it follows."""
    office = office_on(store)
    office.plane.register(*VIDEOS)
    creator = lines({"creator_id": "c-1", "counted_from": ago(3600)})
    assert office.plane.send("POST", "/v1/creators", creator, NDJSON).status_code == 200
    office.like("account-1", *VIDEOS)
    follow = event(type="follow", video_id=None, creator_id="c-1")
    assert office.plane.events(lines(follow)).json["verdicts"]["counted"] == 1
    return office


def reasons(office: Office) -> Counter[int]:
    """Count the changes in the tally: 0 for gained, the number of the reason for lost."""
    counts: Counter[int] = Counter()
    for (_, code), times in office.read_changes().items():
        counts[code % 16] += times
    return counts


def take_down(office: Office, **members: Any) -> Reply:
    """Take a staff action on v-1."""
    action = {"action": "take_down", "video_id": "v-1", "reason": "law", "note": "a test"} | members
    return office.post("moderation/targets", {name: value for name, value in action.items() if value})


def test_a_target_is_taken_down_and_restored(office: Office) -> None:
    """Each answer tells whether anything changed; counting continues meanwhile."""
    assert take_down(office).json == {"result": "applied"}
    assert take_down(office).json == {"result": "unchanged"}
    assert office.plane.events(lines(event(account_id="account-2"))).json["verdicts"]["counted"] == 1
    assert take_down(office, action="restore", reason=None).json == {"result": "applied"}
    assert take_down(office, action="restore", reason=None).json == {"result": "unchanged"}
    assert take_down(office, video_id=None, creator_id="c-1").json == {"result": "applied"}


@pytest.mark.parametrize(
    ("members", "status", "field"),
    [
        ({"video_id": "v-9"}, 404, None),
        ({"reason": None}, 400, "reason"),
        ({"reason": "because"}, 400, "reason"),
        ({"action": "restore"}, 400, "reason"),
        ({"creator_id": "c-1"}, 400, "video_id"),
        ({"video_id": None}, 400, "video_id"),
    ],
)
def test_an_invalid_action_on_a_target_is_refused(
    office: Office, members: dict[str, Any], status: int, field: str | None
) -> None:
    """404 for a target that is not registered, 400 for contradictory members."""
    answer = take_down(office, **members)
    assert (answer.status_code, answer.json.get("field")) == (status, field)


def block(office: Office, action: str, *engagements: dict[str, str], **members: str) -> Reply:
    """Take a staff action on engagements."""
    document = {"action": action, "note": "a test", "engagements": list(engagements)} | members
    return office.post("moderation/engagements", document)


def like(video_id: str = "v-1", account_id: str = "account-1") -> dict[str, str]:
    """Return the name of a like."""
    return {"account_id": account_id, "kind": "like", "video_id": video_id}


def test_engagements_are_removed_for_a_reason_and_restored(office: Office) -> None:
    """Each has a result, also if it is unknown; nothing else changes."""
    follow = {"account_id": "account-1", "kind": "follow", "creator_id": "c-1"}
    named = [like(), like("v-2"), follow, like(account_id="account-9"), like("v-9")]
    results = ["changed", "changed", "changed", "unknown", "unknown_target"]
    assert block(office, "remove", *named, reason="policy").json == {"results": results}
    assert block(office, "remove", like(), reason="policy").json == {"results": ["unchanged"]}
    assert reasons(office) == {0: 4, int(Reason.POLICY): 3}
    assert block(office, "restore", like()).json == {"results": ["changed"]}
    assert block(office, "restore", like()).json == {"results": ["unchanged"]}
    assert reasons(office) == {0: 5, int(Reason.POLICY): 3}


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"action": "remove"}, "reason"),
        ({"action": "remove", "reason": "account"}, "reason"),
        ({"action": "restore", "reason": "policy"}, "reason"),
        ({"action": "restore", "engagements": []}, "engagements"),
        ({"action": "restore", "engagements": [{**like(), "kind": "follow"}]}, "engagements.0.kind"),
        ({"action": "restore", "engagements": [{**like(), "account_id": "a b"}]}, "engagements.0.account_id"),
    ],
)
def test_an_invalid_action_on_engagements_is_refused(
    office: Office, document: dict[str, Any], field: str
) -> None:
    """400 names the field; nothing changes."""
    answer = office.post("moderation/engagements", {"note": "x", "engagements": [like()]} | document)
    assert (answer.status_code, answer.json["field"]) == (400, field)
    assert reasons(office) == {0: 4}


def list_of(*video_ids: str) -> dict[str, Any]:
    """Return the list of account-1."""
    return {
        "account_id": "account-1",
        "kind": "like",
        "as_of": ago(10),
        "engagements": [{"video_id": video_id} for video_id in video_ids],
        "note": "a test",
    }


def resync(office: Office, *video_ids: str, **members: Any) -> Reply:
    """Send the list of account-1."""
    return office.post("moderation/resyncs", list_of(*video_ids) | members)


def test_a_resync_repairs_the_difference_once(office: Office) -> None:
    """Missing engagements are added, surplus ones leave as corrections; the second time nothing differs."""
    office.plane.register("v-4")
    answer = resync(office, "v-1", "v-4", "v-9").json
    differences = {name: count for name, count in answer.items() if count}
    assert differences == {"added": 1, "removed": 2, "unchanged": 1, "unknown_target": 1}
    again = resync(office, "v-1", "v-4").json
    assert {name: count for name, count in again.items() if count} == {"unchanged": 2}
    assert reasons(office) == {0: 5, int(Reason.CORRECTION): 2}


def test_a_resync_leaves_what_is_newer_and_what_is_closed(office: Office) -> None:
    """Later events take precedence over the list; an erased account stays erased."""
    answer = resync(office, as_of=ago(3600)).json
    assert {name: count for name, count in answer.items() if count} == {"newer": 3}
    office.request("erasures")
    answer = resync(office, "v-1").json
    assert {name: count for name, count in answer.items() if count} == {"account_closed": 1}


def test_a_long_list_is_added_whole(office: Office) -> None:
    """Under the shipped policy a resync is no burst, however many engagements were missing."""
    missing = [f"missing-{number}" for number in range(80)]
    office.plane.register(*missing)
    answer = resync(office, *VIDEOS, *missing).json
    assert {name: count for name, count in answer.items() if count} == {"added": 80, "unchanged": 3}


def test_a_list_with_a_target_of_a_newer_policy_is_not_taken(office: Office) -> None:
    """A plane that was started before the policy was registered answers 503, and changes nothing."""
    newer = plane_on(office.store, policy=replace(POLICY, version="newer"))
    newer.register("v-9")
    answer = office.plane.client.post(
        "/v1/moderation/resyncs",
        json=list_of("v-9"),
        headers={"Authorization": f"Bearer {office.plane.token}"},
    )
    assert answer.status_code == 503
    assert "registered after this process started" in office.plane.log.failures.pop()
    assert reasons(office) == {0: 4}


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"as_of": "2030-01-01T00:00:00Z"}, "as_of"),
        ({"kind": "follow"}, "engagements"),
        ({"profile": {"age_band": "under-13"}}, "profile.age_band"),
        ({"profile": {"age_band": "Under 13"}}, "profile.age_band"),
        ({"profile": {"age_band": "8-12"}}, "profile.age_band"),
        ({"engagements": [{"video_id": "v-1", "occurred_at": ago(5)}]}, "occurred_at"),
    ],
)
def test_an_invalid_list_is_refused(office: Office, members: dict[str, Any], field: str) -> None:
    """400 names the field; nothing changes."""
    answer = resync(office, "v-1", **members)
    assert (answer.status_code, answer.json["field"]) == (400, field)
    assert reasons(office) == {0: 4}
