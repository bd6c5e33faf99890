"""Restrict, ban, reinstate, delete: what each does, and what it is answered where it contradicts."""

from __future__ import annotations

from typing import Any

import pytest

from privacy.model.timestamp import MS_PER_DAY, format_timestamp
from tests.support.platform_plane import NOW_MS, event, lines
from tests.support.redis_server import Store
from tests.support.staff import Office, office_on

TOMORROW = format_timestamp(NOW_MS + MS_PER_DAY)
APPLIED = {"verdict": "applied", "known": True, "counted": 0, "uncounted": 0, "over_cap": 0}


@pytest.fixture
def office(store: Store) -> Office:
    """An office, with three videos that account-1 likes."""
    office = office_on(store)
    office.plane.register("v-1", "v-2", "v-3")
    office.likes("account-1", "v-1", "v-2", "v-3")
    return office


def test_a_ban_uncounts_everything_once_and_reinstating_counts_it_again(office: Office) -> None:
    """Both say what they did; a ban that is given again changes nothing."""
    assert office.account("ban").json == APPLIED | {"uncounted": 3}
    assert office.account("ban").json == APPLIED | {"verdict": "unchanged"}
    assert office.account("reinstate").json == APPLIED | {"counted": 3}
    assert sum(office.changes().values()) == 9


def test_a_restriction_ends_by_itself(office: Office) -> None:
    """Its engagements are counted again when its time is over, and not before."""
    assert office.account("restrict", until=TOMORROW).json == APPLIED | {"uncounted": 3}
    assert office.account("restrict", until=TOMORROW).json["verdict"] == "unchanged"
    office.work()
    assert office.account("restrict", until=TOMORROW).json["verdict"] == "unchanged"
    office.plane.clock.now_ms += MS_PER_DAY + 1
    office.work()
    assert ("done", "restriction.ended") in office.audited()
    assert office.account("reinstate").status_code == 409
    assert sum(office.changes().values()) == 9


def test_a_restriction_that_was_extended_does_not_end_early(office: Office) -> None:
    """The latest order decides when."""
    office.account("restrict", until=TOMORROW)
    later = format_timestamp(NOW_MS + 2 * MS_PER_DAY)
    assert office.account("restrict", until=later).json == APPLIED
    office.plane.clock.now_ms += MS_PER_DAY + 1
    office.work()
    assert office.account("restrict", until=later).json["verdict"] == "unchanged"


def test_a_deleted_account_is_erased_when_its_grace_is_over(office: Office) -> None:
    """Until then it can be reinstated; afterwards nothing of it is held, and it stays closed."""
    assert office.account("delete").json == APPLIED | {"uncounted": 3}
    assert office.account("delete").json == APPLIED | {"verdict": "unchanged"}
    assert office.account("reinstate").json == APPLIED | {"counted": 3}
    office.account("delete")
    office.plane.clock.now_ms += 31 * MS_PER_DAY
    office.work()
    assert ("done", "deleted_account.erased") in office.audited()
    assert office.account("reinstate").status_code == 409
    answer = office.plane.events(lines(event(occurred_at=format_timestamp(office.plane.clock.now_ms))))
    assert answer.json["verdicts"]["closed"] == 1


def test_a_ban_holds_for_what_is_still_to_come(office: Office) -> None:
    """An account of which nothing is held can be banned: its likes are stored, and not counted."""
    assert office.account("ban", "account-9").json == APPLIED | {"known": False}
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
def test_what_contradicts_is_refused_and_written_down(office: Office, first: str | None, then: str) -> None:
    """409 with the reason; nothing changes, and the trail says that it was refused."""
    if first == "erase":
        assert office.right("erasures").status_code == 200
    elif first == "object":
        assert office.right("objections", objects=True).status_code == 200
    elif first:
        assert office.account(first).status_code == 200
    before = office.changes()
    until = {"until": TOMORROW} if then == "restrict" else {}
    answer = office.account(then, **until)
    assert (answer.status_code, answer.json["type"]) == (409, "urn:likewise:problem:conflict")
    assert "account-1" not in answer.json["detail"]
    assert office.changes() == before
    assert office.audited()[-2:] == [("requested", f"account.{then}"), ("refused", f"account.{then}")]


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
def test_a_wrong_order_is_refused_and_not_written_down(
    office: Office, members: dict[str, Any], field: str
) -> None:
    """400 names the field; no account id is repeated, and nothing is written."""
    answer = office.order("moderation/accounts", {"account_id": "account-1", "note": "a test"} | members)
    assert (answer.status_code, answer.json["field"]) == (400, field)
    assert "a b" not in answer.json["detail"]
    assert office.audited() == []


def test_the_trail_names_nobody(office: Office) -> None:
    """Entries say who, what, why and how many; the account is a tag that is no name in the store."""
    office.account("ban")
    done = office.read("moderation/audit-trail")["entries"][0]
    assert (done["owner"], done["note"], done["details"]["uncounted"]) == ("tests", "a test", 3)
    tag = bytes.fromhex(done["account_tag"])
    assert not [name for name in office.store.root.keys("v:*") if tag in name]


def test_an_idempotency_key_gets_the_same_answer(office: Office) -> None:
    """Sent again under its key, an order is answered as before and not written down twice."""
    order = {"action": "ban", "account_id": "account-1", "note": "a test"}
    first = office.order("moderation/accounts", order, Idempotency_Key="k-1")
    again = office.order("moderation/accounts", order, Idempotency_Key="k-1")
    assert first.data == again.data
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(office.audited()) == 2
