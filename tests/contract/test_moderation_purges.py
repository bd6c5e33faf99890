"""Purges: a list of accounts becomes a job, which is carried out exactly once."""

import gzip
from typing import Any

import pytest

from api.platform.moderation import purges
from privacy.maintenance import job_runner
from privacy.moderation.jobs import JobKind
from privacy.vault import bulk_status
from privacy.vault.bulk_status import BulkStatusChange, Chunk
from tests.support.platform_plane import NDJSON, NOW_MS, POLICY, PSEUDONYMISER, keys, lines
from tests.support.redis_server import Store
from tests.support.staff import HEADER, Office, office_on

VIDEOS = ("v-1", "v-2", "v-3", "v-4")
BOTS = [f"bot-{number}" for number in range(7)]
NOTHING = {
    "moved": 0,
    "unmoved": 0,
    "erased": 0,
    "not_known": 0,
    "uncounted": 0,
    "counted": 0,
    "over_cap": 0,
}


@pytest.fixture
def office(store: Store) -> Office:
    """An office, with seven bots and one person that like four videos."""
    office = office_on(store)
    office.plane.register(*VIDEOS)
    for account_id in (*BOTS, "account-1"):
        office.like(account_id, *VIDEOS)
    return office


def job_of(office: Office, number: int) -> dict[str, Any]:
    """Read a job."""
    job: dict[str, Any] = office.read(f"jobs/{number}")
    return job


def accounts(*names: str) -> list[dict[str, str]]:
    """Return the lines of a list of accounts."""
    return [{"account_id": name} for name in names]


def test_a_purge_is_a_job_that_uncounts_the_listed_accounts_alone(office: Office) -> None:
    """The job is queued, carried out, and reports its counts; accounts that are not listed stay counted."""
    answer = office.purge(*accounts(*BOTS, "never-seen"))
    assert (answer.status_code, answer.headers["Location"]) == (202, "/v1/jobs/1")
    assert (answer.json["state"], answer.json["accounts"]) == ("queued", 8)
    office.work()
    job = job_of(office, 1)
    assert (job["state"], job["done"]) == ("done", 8)
    assert job["counts"] == NOTHING | {"moved": 8, "not_known": 1, "uncounted": 28}
    assert sum(office.read_changes().values()) == 8 * 4 + 28
    assert office.read_trail() == [(stage, "accounts.purge") for stage in ("requested", "done", "done")]


def test_a_repeated_request_names_its_job_again(office: Office) -> None:
    """The response to a repetition has all of the first one's headers that tell the client how to go on."""
    first, again = (office.purge(*accounts(*BOTS), Idempotency_Key="p-1") for _ in range(2))
    assert (again.status_code, again.data) == (first.status_code, first.data)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.headers["Location"] == first.headers["Location"] == "/v1/jobs/1"


def test_a_purge_again_changes_nothing_and_a_reinstatement_takes_it_back(office: Office) -> None:
    """The second job moves no account; the third counts everything again."""
    for action in ("purge", "purge", "reinstate"):
        office.purge(*accounts(*BOTS), action=action)
    office.work()
    assert job_of(office, 2)["counts"] == NOTHING | {"unmoved": 7}
    assert job_of(office, 3)["counts"] == NOTHING | {"moved": 7, "counted": 28}
    assert [job["job"] for job in office.read("jobs")["jobs"]] == [3, 2, 1]
    page = office.read("jobs?limit=2")
    assert [job["job"] for job in office.read(f"jobs?cursor={page['next_cursor']}")["jobs"]] == [1]


def test_a_purge_does_not_override_an_owner(office: Office) -> None:
    """Deleted, objecting and erased accounts are not moved by a purge."""
    office.moderate("delete", BOTS[0])
    office.request("objections", BOTS[1], objects=True)
    office.request("erasures", BOTS[2])
    office.purge(*accounts(*BOTS[:4]))
    office.work()
    counts = NOTHING | {"moved": 1, "unmoved": 2, "erased": 1, "uncounted": 4}
    assert job_of(office, 1)["counts"] == counts


def test_a_handle_from_an_advisory_names_the_account(office: Office) -> None:
    """Accounts may be listed by handle; the list may be gzipped."""
    handles = [handle.name.hex() for handle in PSEUDONYMISER.derive_handles(BOTS)]
    body = gzip.compress(lines(*({"handle": handle} for handle in handles)))
    path = "/v1/moderation/purges?note=network"
    answer = office.plane.send("POST", path, body, NDJSON, Content_Encoding="gzip")
    assert answer.status_code == 202
    office.work()
    assert job_of(office, 1)["counts"]["uncounted"] == 28


@pytest.mark.parametrize(
    "line",
    [
        b'{"account_id":"a b"}',
        b'{"account_id":""}',
        b"{}",
        b'{"account_id":"a","handle":"' + b"0f" * 16 + b'"}',
        b'{"handle":"0F' + b"0f" * 15 + b'"}',
        b'{"handle":"0f"}',
        b'{"account_id":7}',
        b'{"account_id":"a","account_id":"b"}',
        b'{"account_id":"a"',
        b'{"account_id":"a","why":1}',
        b"[]",
        b"\xff",
    ],
)
def test_an_invalid_line_refuses_the_list(office: Office, line: bytes) -> None:
    """400 names the line and repeats nothing of it; no job is queued."""
    path = "/v1/moderation/purges?note=x"
    answer = office.plane.send("POST", path, lines(*accounts(*BOTS)) + line, NDJSON)
    assert (answer.status_code, answer.json["field"]) == (400, "line 8")
    assert b"a b" not in answer.data
    office.work()
    assert office.read("jobs")["jobs"] == []


def test_a_list_needs_a_note_and_an_account(office: Office) -> None:
    """A purge without a reason, or without accounts, is refused."""
    answer = office.plane.send("POST", "/v1/moderation/purges", lines(*accounts("a")), NDJSON)
    assert (answer.status_code, answer.json["field"]) == (400, "note")
    answer = office.plane.send("POST", "/v1/moderation/purges?note=x", b"\n", NDJSON)
    assert (answer.status_code, answer.json["field"]) == (400, "body")


def test_a_list_that_is_too_long_is_refused(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """413, and no job is queued."""
    monkeypatch.setattr(purges, "MAX_ACCOUNTS", 6)
    assert office.purge(*accounts(*BOTS)).status_code == 413
    assert office.read("jobs")["jobs"] == []


def test_an_unknown_job_is_not_found(office: Office) -> None:
    """404 for a number without a job; 400 for an invalid number."""
    for path, status in (("jobs/9", 404), ("jobs/x", 400), ("jobs/0", 400)):
        assert office.plane.send("GET", f"/v1/{path}", b"").status_code == status


def test_steps_of_two_workers_are_exact_if_cursors_are_lost(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Small steps of two workers, one of which loses its cursors after each: the counts are exact."""
    monkeypatch.setattr(bulk_status, "REGISTERS_PER_STEP", 1)
    monkeypatch.setattr(job_runner, "ROUNDS_PER_STEP", 1)
    other = office_on(office.store)
    office.purge(*accounts(*BOTS))
    while office.maintenance.step() or other.maintenance.step():
        other.maintenance.runner._cursors.clear()
    assert job_of(office, 1)["counts"] == NOTHING | {"moved": 7, "uncounted": 28}
    assert sum(office.read_changes().values()) == 8 * 4 + 28


def test_a_step_is_applied_once(office: Office) -> None:
    """A chunk that is behind the progress or ahead of it has no effect, and gets the progress as answer."""
    moves = BulkStatusChange(office.maintenance.runner.status_change.shards)
    handle = PSEUDONYMISER.derive_handles(BOTS[:1])[0]
    shard = handle.shard_hash % HEADER.account_shards
    move, now_ms = JobKind.PURGE.transition, office.plane.clock.now_ms
    for done in (0, 0, 5):
        progress, cursor = moves.step(1, move, {shard: Chunk(done, 0, [handle.name])}, now_ms)[shard]
        assert (progress.done, progress.moved, progress.uncounted, cursor) == (1, 1, 4, 0)


def test_a_job_whose_list_has_expired_fails_with_that_reason(office: Office) -> None:
    """Its failure gives the reason, and it leaves the queue."""
    office.purge(*accounts(*BOTS))
    for name in office.store.root.keys("p:jobs:accounts:*"):
        office.store.root.delete(name)
    office.work()
    job = job_of(office, 1)
    assert job["state"] == "failed"
    assert "expired" in job["failure"]


def test_nothing_is_left_of_a_job_but_its_document(office: Office) -> None:
    """Its accounts, their progress and its queue entry are deleted when it ends."""
    office.purge(*accounts(*BOTS))
    office.work()
    assert set(keys(office.store, "*jobs*")) == {b"p:jobs:by-time", b"p:jobs:count", b"p:jobs:document:1"}


def test_a_job_is_kept_for_its_period(office: Office) -> None:
    """A sweep deletes it when its period after its end is over, and not before."""
    office.purge(*accounts(*BOTS))
    office.work()
    for passed_ms, is_kept in ((0, True), (1, False)):
        office.plane.clock.now_ms = NOW_MS + 1000 * POLICY.retention.job_seconds + passed_ms
        list(office.maintenance.sweep.run(office.plane.clock.now_ms))
        assert (b"p:jobs:document:1" in keys(office.store)) == is_kept
    assert set(keys(office.store, "*jobs*")) == {b"p:jobs:count"}


def test_the_accounts_of_a_job_that_never_ran_are_deleted(office: Office) -> None:
    """They are kept for the period of a job at most; the job fails for want of them, and is deleted later."""
    office.purge(*accounts(*BOTS))
    period_ms = 1000 * POLICY.retention.job_seconds + 1
    for _ in range(2):
        office.plane.clock.now_ms += period_ms
        list(office.maintenance.sweep.run(office.plane.clock.now_ms))
        assert keys(office.store, "p:jobs:accounts:*") == []
        office.work()
    assert set(keys(office.store, "*jobs*")) == {b"p:jobs:count"}
