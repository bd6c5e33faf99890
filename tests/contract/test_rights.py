"""What people may ask for, and what it does."""

from __future__ import annotations

from typing import Any

import pytest

from privacy.model.timestamp import format_timestamp, parse_timestamp_ms
from privacy.moderation.aof_rewrite import COLLECT_MS
from tests.support.eventually import eventually
from tests.support.platform_plane import NOW_MS, POLICY, PSEUDONYMISER, event, keys, lines
from tests.support.redis_server import Store
from tests.support.staff import Office, office_on

VIDEOS = ("v-1", "v-2", "v-3")


@pytest.fixture
def office(store: Store) -> Office:
    """An office, with three videos that account-1 likes."""
    office = office_on(store)
    office.plane.register(*VIDEOS)
    office.likes("account-1", *VIDEOS)
    return office


def everything(store: Store) -> bytes:
    """Names and values of all that is stored, as one text."""
    dumped = [name + (store.root.dump(name) or b"") for name in keys(store)]
    return b"\n".join(dumped)


@pytest.mark.parametrize("what", ["erasures", "children"])
def test_an_erased_account_leaves_a_receipt_and_nothing_else(office: Office, what: str) -> None:
    """Every count leaves once; neither id nor pseudonym nor handle is kept; the receipt can be verified."""
    account = PSEUDONYMISER.account("account-1")
    assert account.pseudonym in everything(office.store)
    answer = office.right(what)
    assert answer.status_code == 200
    assert (answer.json["engagements"], answer.json["counted"]) == (3, 3)
    proof = office.read(f"rights/erasures/{answer.json['receipt_id']}")
    assert proof == {name: answer.json[name] for name in proof}
    assert sorted(office.changes().values()) == [1] * 6
    kept = everything(office.store)
    handle = PSEUDONYMISER.handles(["account-1"])[0].name
    for trace in (b"account-1", account.pseudonym, handle, answer.json["receipt_id"].encode()):
        assert trace not in kept


def test_erasing_again_finds_nothing_and_stays_closed(office: Office) -> None:
    """The second receipt is of nothing; old batches and new likes are answered `closed`."""
    first = office.right("erasures").json
    again = office.right("erasures").json
    assert (again["engagements"], again["counted"]) == (0, 0)
    assert first["receipt_id"] != again["receipt_id"]
    answer = office.plane.events(lines(event(), event(video_id="v-2")))
    assert answer.json["verdicts"]["closed"] == 2
    assert sum(office.changes().values()) == 6


def test_a_tombstone_stands_past_the_end_of_every_schedule(office: Office) -> None:
    """It is gone after its time, and not before."""
    until_ms = parse_timestamp_ms(office.right("erasures").json["closed_until"])
    assert until_ms >= NOW_MS + 1000 * POLICY.longest_schedule_seconds
    for later_ms, closed in ((until_ms, 1), (until_ms + 1, 0)):
        office.plane.clock.now_ms = later_ms
        list(office.maintenance.sweep.run(later_ms))
        left = sum(office.store.root.hlen(name) for name in office.store.root.keys("v:*:tombstones"))
        assert left == closed


def test_an_unknown_account_can_be_erased(office: Office) -> None:
    """Nothing was held, and nothing will be."""
    answer = office.right("erasures", "account-9").json
    assert (answer["engagements"], answer["counted"]) == (0, 0)
    assert office.plane.events(lines(event(account_id="account-9"))).json["verdicts"]["closed"] == 1


def test_a_receipt_that_was_never_given_is_not_found(office: Office) -> None:
    """404 for a wrong number; 400 for what is none."""
    for receipt_id, status in (("0" * 32, 404), ("x", 400)):
        answer = office.plane.send("GET", f"/v1/rights/erasures/{receipt_id}", b"")
        assert answer.status_code == status


def test_who_objects_is_counted_nowhere_until_they_withdraw(office: Office) -> None:
    """Its likes leave, nothing new is stored, and all is as before once the objection is withdrawn."""
    answer = office.right("objections", objects=True).json
    assert (answer["verdict"], answer["status_before"], answer["uncounted"]) == ("applied", "good", 3)
    assert office.right("objections", objects=True).json["verdict"] == "unchanged"
    assert office.plane.events(lines(event(video_id="v-1"))).json["verdicts"]["closed"] == 1
    answer = office.right("objections", objects=False).json
    assert (answer["verdict"], answer["counted"]) == ("applied", 3)
    assert office.right("objections", objects=False).json["verdict"] == "unchanged"


@pytest.mark.parametrize(("standing", "objects"), [("ban", False), ("delete", True), ("erase", True)])
def test_an_objection_that_contradicts_is_refused(office: Office, standing: str, objects: bool) -> None:
    """Withdrawn where there is none, or of an account that is on its way out: 409."""
    if standing == "erase":
        office.right("erasures")
    else:
        office.account(standing)
    assert office.right("objections", objects=objects).status_code == 409


def test_who_opts_out_is_undisclosed_from_then_on(office: Office) -> None:
    """What was counted before keeps its cells; what comes later is in no cell but the undisclosed ones."""
    before = office.changes()
    answer = office.right("opt-outs", hidden=True).json
    assert (answer["verdict"], answer["counted"], answer["uncounted"]) == ("applied", 0, 0)
    assert office.right("opt-outs", hidden=True).json["verdict"] == "unchanged"
    office.plane.register("v-4")
    office.likes("account-1", "v-4")
    new = office.changes() - before
    assert [code >> 4 for _, code in new] == [(1 << 28) - 1]
    assert office.right("opt-outs", hidden=False).json["verdict"] == "applied"


def test_a_rectification_is_explained_and_stores_nothing(office: Office) -> None:
    """Nothing but the trail is different afterwards."""
    answer = office.right("rectifications").json
    assert answer["stored"] is False
    assert "cells" in answer["effect"]
    assert office.audited() == [("requested", "rights.rectification"), ("done", "rights.rectification")]


def test_a_crash_in_the_middle_is_finished_by_the_maintenance_worker(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An erasure whose doer ended after its first step is done again, and nothing is counted twice."""
    monkeypatch.setattr("privacy.vault.erasure.REGISTERS_PER_STEP", 1)
    rights = office.plane.app
    assert rights is not None
    handle = PSEUDONYMISER.handles(["account-1"])[0].name
    office.store.root.zadd("p:unfinished", {handle + b"e": NOW_MS})
    office.work()
    assert office.store.root.zcard("p:unfinished") == 1
    office.plane.clock.now_ms += 60_000
    office.work()
    assert office.store.root.zcard("p:unfinished") == 0
    assert sorted(office.changes().values()) == [1] * 6


def test_the_log_is_rewritten_after_an_erasure(office: Office) -> None:
    """The maintenance worker asks for it a minute later, and forgets the wish once it is met."""
    office.maintenance.step()
    office.right("erasures")
    wanted = office.store.root.get("p:rewrites:wanted")
    assert wanted is not None
    rewrites = office.store.root.info("persistence")["aof_rewrites"]
    for _ in range(COLLECT_MS // 1_000):
        office.plane.clock.now_ms += 1_000
        office.maintenance.step()
    assert office.store.root.info("persistence")["aof_rewrites"] == rewrites

    def is_met() -> bool:
        office.plane.clock.now_ms += 1_000
        office.maintenance.step()
        return office.store.root.get("p:rewrites:met") == wanted

    eventually(is_met, "the log being rewritten")


@pytest.mark.parametrize(
    ("what", "members", "field"),
    [
        ("objections", {}, "objects"),
        ("objections", {"objects": "yes"}, "objects"),
        ("objections", {"objects": 1}, "objects"),
        ("opt-outs", {"hidden": None}, "hidden"),
        ("erasures", {"note": 7}, "note"),
        ("erasures", {"until": format_timestamp(NOW_MS)}, "until"),
    ],
)
def test_a_wrong_order_is_refused(office: Office, what: str, members: dict[str, Any], field: str) -> None:
    """400 names the field; nothing is done."""
    answer = office.right(what, **members)
    assert (answer.status_code, answer.json["field"]) == (400, field)
    assert office.audited() == []
