"""Restrict, ban, reinstate, delete: the effect of each, and the answer where it does not apply."""

from typing import Any

import pytest

from privacy.model.timestamp import MS_PER_DAY, format_timestamp
from tests.support.platform_plane import NOW_MS, event, lines
from tests.support.redis_server import Store
from tests.support.staff import Office, office_on

TOMORROW = format_timestamp(NOW_MS + MS_PER_DAY)
APPLIED = {"result": "applied", "known": True, "counted": 0, "uncounted": 0}


@pytest.fixture
def office(store: Store) -> Office:
    """An office, with three videos that account-1 likes."""
    office = office_on(store)
    office.plane.register("v-1", "v-2", "v-3")
    office.like("account-1", "v-1", "v-2", "v-3")
    return office


def test_a_ban_uncounts_everything_once_and_reinstating_counts_it_again(office: Office) -> None:
    """Both answers give the effect; a second ban changes nothing."""
    assert office.moderate("ban").json == APPLIED | {"uncounted": 3}
    assert office.moderate("ban").json == APPLIED | {"result": "unchanged"}
    assert office.moderate("reinstate").json == APPLIED | {"counted": 3}
    assert sum(office.read_changes().values()) == 9


def test_a_restriction_ends_automatically(office: Office) -> None:
    """Its engagements are counted again when it is over, and not before."""
    assert office.moderate("restrict", until=TOMORROW).json == APPLIED | {"uncounted": 3}
    assert office.moderate("restrict", until=TOMORROW).json["result"] == "unchanged"
    office.work()
    assert office.moderate("restrict", until=TOMORROW).json["result"] == "unchanged"
    office.plane.clock.now_ms += MS_PER_DAY + 1
    office.work()
    assert ("done", "restriction.ended") in office.read_trail()
    assert office.moderate("reinstate").status_code == 409
    assert sum(office.read_changes().values()) == 9


def test_a_restriction_that_was_extended_does_not_end_early(office: Office) -> None:
    """The latest action decides when it ends."""
    office.moderate("restrict", until=TOMORROW)
    later = format_timestamp(NOW_MS + 2 * MS_PER_DAY)
    assert office.moderate("restrict", until=later).json == APPLIED
    office.plane.clock.now_ms += MS_PER_DAY + 1
    office.work()
    assert office.moderate("restrict", until=later).json["result"] == "unchanged"


def test_a_deleted_account_is_erased_when_its_grace_is_over(office: Office) -> None:
    """Until then it can be reinstated; afterwards nothing of it is stored, and it stays closed."""
    assert office.moderate("delete").json == APPLIED | {"uncounted": 3}
    assert office.moderate("delete").json == APPLIED | {"result": "unchanged"}
    assert office.moderate("reinstate").json == APPLIED | {"counted": 3}
    office.moderate("delete")
    office.plane.clock.now_ms += 31 * MS_PER_DAY
    office.work()
    assert ("done", "deleted_account.erased") in office.read_trail()
    assert office.moderate("reinstate").status_code == 409
    answer = office.plane.events(lines(event(occurred_at=format_timestamp(office.plane.clock.now_ms))))
    assert answer.json["verdicts"]["account_closed"] == 1


def test_a_ban_holds_for_what_is_still_to_come(office: Office) -> None:
    """An account of which nothing is stored can be banned: its likes are stored, and not counted."""
    assert office.moderate("ban", "account-9").json == APPLIED | {"known": False}
    answer = office.plane.events(lines(event(account_id="account-9")))
    assert answer.json["verdicts"]["uncounted"] == 1


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (None, "reinstate"),
        ("ban", "restrict"),
        ("delete", "ban"),
        ("delete", "restrict"),
        ("erase", "ban"),
        ("erase", "delete"),
        ("erase", "reinstate"),
        ("object", "ban"),
    ],
)
def test_an_action_that_does_not_apply_is_refused_and_recorded(
    office: Office, first: str | None, then: str
) -> None:
    """409 with the reason; nothing changes, and the trail records the refusal."""
    if first == "erase":
        assert office.request("erasures").status_code == 200
    elif first == "object":
        assert office.request("objections", objects=True).status_code == 200
    elif first:
        assert office.moderate(first).status_code == 200
    before = office.read_changes()
    until = {"until": TOMORROW} if then == "restrict" else {}
    answer = office.moderate(then, **until)
    assert (answer.status_code, answer.json["type"]) == (409, "urn:likewise:problem:conflict")
    assert "account-1" not in answer.json["detail"]
    assert office.read_changes() == before
    assert office.read_trail()[-2:] == [("requested", f"account.{then}"), ("refused", f"account.{then}")]


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"action": "forgive"}, "action"),
        ({"action": "restrict"}, "until"),
        ({"action": "ban", "until": TOMORROW}, "until"),
        ({"action": "restrict", "until": "2020-01-01T00:00:00Z"}, "until"),
        ({"action": "ban", "note": ""}, "note"),
        ({"action": "ban", "account_id": "a b"}, "account_id"),
        ({"action": "ban", "why": "so"}, "why"),
    ],
)
def test_an_invalid_action_is_refused_and_not_recorded(
    office: Office, members: dict[str, Any], field: str
) -> None:
    """400 names the field; no account id is repeated, and nothing is recorded."""
    answer = office.post("moderation/accounts", {"account_id": "account-1", "note": "a test"} | members)
    assert (answer.status_code, answer.json["field"]) == (400, field)
    assert "a b" not in answer.json["detail"]
    assert office.read_trail() == []


def test_the_trail_names_no_account(office: Office) -> None:
    """Entries give owner, action, note and counts; the account's tag is part of no key in the store."""
    office.moderate("ban")
    done = office.read("moderation/audit-trail")["entries"][0]
    assert (done["owner"], done["note"], done["details"]["uncounted"]) == ("tests", "a test", 3)
    tag = bytes.fromhex(done["account_tag"])
    assert not [name for name in office.store.root.keys("v:*") if tag in name]


def test_an_idempotency_key_gets_the_same_answer(office: Office) -> None:
    """An action that is repeated under its key gets the same answer, and is recorded once."""
    action = {"action": "ban", "account_id": "account-1", "note": "a test"}
    first = office.post("moderation/accounts", action, Idempotency_Key="k-1")
    again = office.post("moderation/accounts", action, Idempotency_Key="k-1")
    assert first.data == again.data
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(office.read_trail()) == 2
