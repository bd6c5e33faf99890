"""Data-subject requests and their effects."""

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
    office.like("account-1", *VIDEOS)
    return office


def dump(store: Store) -> bytes:
    """Return the names and values of all keys, as bytes."""
    dumped = [name + (store.root.dump(name) or b"") for name in keys(store)]
    return b"\n".join(dumped)


@pytest.mark.parametrize("what", ["erasures", "children"])
def test_an_erased_account_leaves_a_receipt_and_nothing_else(office: Office, what: str) -> None:
    """Every engagement is uncounted once; no id, pseudonym or handle is kept; the receipt can be verified."""
    account = PSEUDONYMISER.pseudonymise("account-1")
    assert account.pseudonym in dump(office.store)
    answer = office.request(what)
    assert answer.status_code == 200
    assert (answer.json["engagements"], answer.json["counted"]) == (3, 3)
    proof = office.read(f"rights/erasures/{answer.json['receipt_id']}")
    assert proof == {name: answer.json[name] for name in proof}
    assert sorted(office.read_changes().values()) == [1] * 6
    kept = dump(office.store)
    handle = PSEUDONYMISER.derive_handles(["account-1"])[0].name
    for trace in (b"account-1", account.pseudonym, handle, answer.json["receipt_id"].encode()):
        assert trace not in kept


def test_erasing_again_finds_nothing_and_stays_closed(office: Office) -> None:
    """The second receipt has zero counts; old batches and new likes are answered `account_closed`."""
    first = office.request("erasures").json
    again = office.request("erasures").json
    assert (again["engagements"], again["counted"]) == (0, 0)
    assert first["receipt_id"] != again["receipt_id"]
    answer = office.plane.events(lines(event(), event(video_id="v-2")))
    assert answer.json["verdicts"]["account_closed"] == 2
    assert sum(office.read_changes().values()) == 6


def test_a_tombstone_outlives_every_schedule(office: Office) -> None:
    """It is deleted after its expiry, and not before."""
    until_ms = parse_timestamp_ms(office.request("erasures").json["closed_until"])
    assert until_ms >= NOW_MS + 1000 * POLICY.longest_schedule_seconds
    for later_ms, closed in ((until_ms, 1), (until_ms + 1, 0)):
        office.plane.clock.now_ms = later_ms
        list(office.maintenance.sweep.run(later_ms))
        left = sum(office.store.root.hlen(name) for name in office.store.root.keys("v:*:tombstones"))
        assert left == closed


def test_an_unknown_account_can_be_erased(office: Office) -> None:
    """Nothing was stored, and nothing will be."""
    answer = office.request("erasures", "account-9").json
    assert (answer["engagements"], answer["counted"]) == (0, 0)
    assert office.plane.events(lines(event(account_id="account-9"))).json["verdicts"]["account_closed"] == 1


def test_an_unknown_receipt_is_not_found(office: Office) -> None:
    """404 for an unknown id; 400 for an invalid one."""
    for receipt_id, status in (("0" * 32, 404), ("x", 400)):
        answer = office.plane.send("GET", f"/v1/rights/erasures/{receipt_id}", b"")
        assert answer.status_code == status


def test_an_objection_uncounts_an_account_until_it_is_withdrawn(office: Office) -> None:
    """Its likes are uncounted and nothing new is stored; withdrawing the objection restores the counts."""
    answer = office.request("objections", objects=True).json
    assert (answer["result"], answer["status_before"], answer["uncounted"]) == ("applied", "good", 3)
    assert office.request("objections", objects=True).json["result"] == "unchanged"
    assert office.plane.events(lines(event(video_id="v-1"))).json["verdicts"]["account_closed"] == 1
    answer = office.request("objections", objects=False).json
    assert (answer["result"], answer["counted"]) == ("applied", 3)
    assert office.request("objections", objects=False).json["result"] == "unchanged"


def test_nothing_new_of_an_account_that_objects_is_stored(office: Office) -> None:
    """An event of it changes nothing in the vault, not even the digest of the network that it names."""
    office.request("objections", objects=True)
    before = {name: office.store.root.dump(name) for name in keys(office.store, "v:*")}
    answer = office.plane.events(lines(event(video_id="v-9"), event(video_id="v-1", network="net-9")))
    assert answer.json["verdicts"]["account_closed"] == 1
    assert {name: office.store.root.dump(name) for name in keys(office.store, "v:*")} == before


@pytest.mark.parametrize(("action", "objects"), [("ban", False), ("delete", True), ("erase", True)])
def test_an_objection_that_does_not_apply_is_refused(office: Office, action: str, objects: bool) -> None:
    """409 for a withdrawal without an objection, and for a deleted or erased account."""
    if action == "erase":
        office.request("erasures")
    else:
        office.moderate(action)
    assert office.request("objections", objects=objects).status_code == 409


def test_an_opt_out_hides_later_engagements_in_breakdowns(office: Office) -> None:
    """Earlier engagements keep their cells; later ones are in the undisclosed cells alone."""
    before = office.read_changes()
    answer = office.request("opt-outs", hidden=True).json
    assert (answer["result"], answer["counted"], answer["uncounted"]) == ("applied", 0, 0)
    assert office.request("opt-outs", hidden=True).json["result"] == "unchanged"
    office.plane.register("v-4")
    office.like("account-1", "v-4")
    new = office.read_changes() - before
    assert [code >> 4 for _, code in new] == [(1 << 28) - 1]
    assert office.request("opt-outs", hidden=False).json["result"] == "applied"


def test_a_rectification_is_recorded_and_stores_nothing(office: Office) -> None:
    """Only the audit trail changes."""
    answer = office.request("rectifications").json
    assert answer["stored"] is False
    assert "cells" in answer["effect"]
    assert office.read_trail() == [("requested", "rights.rectification"), ("done", "rights.rectification")]


def test_the_maintenance_worker_resumes_an_interrupted_erasure(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An erasure that stays pending is repeated after half a minute, and nothing is counted twice."""
    monkeypatch.setattr("privacy.vault.erasure.REGISTERS_PER_STEP", 1)
    handle = PSEUDONYMISER.derive_handles(["account-1"])[0].name
    office.store.root.zadd("p:pending-operations", {handle + b"e": NOW_MS})
    office.work()
    assert office.store.root.zcard("p:pending-operations") == 1
    office.plane.clock.now_ms += 60_000
    office.work()
    assert office.store.root.zcard("p:pending-operations") == 0
    assert sorted(office.read_changes().values()) == [1] * 6


def test_the_log_is_rewritten_after_an_erasure(office: Office) -> None:
    """The maintenance worker starts the rewrite a minute later, and marks the request as completed."""
    office.maintenance.step()
    office.request("erasures")
    requested = office.store.root.get("p:rewrites:requested")
    assert requested is not None
    rewrites = office.store.root.info("persistence")["aof_rewrites"]
    for _ in range(COLLECT_MS // 1_000):
        office.plane.clock.now_ms += 1_000
        office.maintenance.step()
    assert office.store.root.info("persistence")["aof_rewrites"] == rewrites

    def is_completed() -> bool:
        office.plane.clock.now_ms += 1_000
        office.maintenance.step()
        return office.store.root.get("p:rewrites:completed") == requested

    eventually(is_completed, "the log being rewritten")


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
def test_an_invalid_request_is_refused(
    office: Office, what: str, members: dict[str, Any], field: str
) -> None:
    """400 names the field; nothing changes."""
    answer = office.request(what, **members)
    assert (answer.status_code, answer.json["field"]) == (400, field)
    assert office.read_trail() == []
