"""Every key has a stated retention period: a store in full use has no key that docs/retention.md lacks."""

import re
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pytest

from privacy.maintenance.key_rotation import KeyRotation
from privacy.maintenance.throttle import Throttle
from privacy.model.audience import is_audience
from privacy.model.timestamp import MS_PER_DAY
from privacy.store.keys import tally_key
from privacy.vault.keys_in_force import KeysInForce
from privacy.vault.scan import AccountScan
from privacy.vault.shards import AccountShards, PseudonymKeys
from tests.support.platform_plane import (
    NDJSON,
    POLICY,
    PSEUDONYMISER,
    ago,
    event,
    keys,
    lines,
    new_key,
)
from tests.support.redis_server import Store
from tests.support.registers import raw
from tests.support.staff import HEADER, Office, office_on

TABLE = Path(__file__).parents[2] / "docs" / "retention.md"
VIDEOS = ("v-1", "v-2")


@pytest.fixture
def office(store: Store) -> Office:
    """An office in whose store every kind of key was written."""
    office = office_on(store)
    office.plane.register(*VIDEOS)
    for name in ("a", "b", "c", "d"):
        office.like(name, *VIDEOS)
    office.plane.events(lines(event(account_id="n", network="net-1")), Idempotency_Key="k-1")
    office.moderate("restrict", "a", until="2026-06-01T00:00:00Z")
    office.moderate("delete", "b")
    office.request("erasures", "c")
    office.request("objections", "d", objects=True)
    office.purge({"account_id": "e"})
    new_key(store, "ingest")
    return office


def patterns() -> list[re.Pattern[str]]:
    """Return the key patterns of the tables; `<…>` and `*` match anything."""
    found = re.findall(r"^\| `([^`]+)`", TABLE.read_text(encoding="utf-8"), re.MULTILINE)
    assert found
    return [
        re.compile(
            re.sub(r"<[^>]+>|\*", "\0", pattern).replace("{", r"\{").replace("}", r"\}").replace("\0", ".+"),
            re.DOTALL,
        )
        for pattern in found
    ]


def test_every_key_is_in_the_table(office: Office) -> None:
    """Before a sweep and after it."""
    known = patterns()
    for _ in range(2):
        names = [name.decode("latin-1") for name in keys(office.store)]
        assert [name for name in names if not any(one.fullmatch(name) for one in known)] == []
        office.work()
        list(office.maintenance.sweep.run(office.plane.clock.now_ms))


def test_idle_accounts_and_old_entries_are_deleted(office: Office) -> None:
    """When every target is sealed and every period is over, nothing of any account is left in the vault."""
    office.plane.clock.now_ms += 1000 * POLICY.retention.deleted_account_seconds + 1
    office.work()
    retention = POLICY.retention
    longest = max(retention.idle_account_seconds, retention.audit_trail_seconds)
    office.plane.clock.now_ms += 1000 * longest + 40 * MS_PER_DAY
    office.work()
    seal(office)
    for _ in range(2):
        list(office.maintenance.sweep.run(office.plane.clock.now_ms))
    left = [
        name
        for name in keys(office.store, "v:*")
        # The slice of the journal ends by the server's clock, which this test cannot set.
        if b":audiences" not in name and not name.endswith((b":outbox", b":outer-key", b":limits"))
    ]
    assert left == []
    assert keys(office.store, "t:*:log:*") == []
    assert keys(office.store, "p:receipts*") == keys(office.store, "p:jobs:d*") == []


def test_an_account_that_is_not_idle_stays(office: Office) -> None:
    """A sweep deletes nothing whose period is not over."""
    office.work()
    before = sorted(keys(office.store, "v:*:r*"))
    changes = office.read_changes()
    list(office.maintenance.sweep.run(office.plane.clock.now_ms))
    assert sorted(keys(office.store, "v:*:r*")) == before
    assert office.read_changes() == changes


def test_an_account_without_registers_is_found_until_it_is_idle(office: Office) -> None:
    """The account's daily admissions outlive registers of sealed targets; the account is deleted later."""
    office.work()
    seal(office)
    list(office.maintenance.sweep.run(office.plane.clock.now_ms))
    tables = {name: office.store.root.hgetall(name) for name in keys(office.store, "v:*:accounts")}
    assert sum(map(len, tables.values())) == len(keys(office.store, "v:*:r*")) > 0
    assert registers(office) == []
    office.plane.clock.now_ms += 1000 * POLICY.retention.idle_account_seconds + 40 * MS_PER_DAY
    office.work()
    list(office.maintenance.sweep.run(office.plane.clock.now_ms))
    assert keys(office.store, "v:*:accounts") == keys(office.store, "v:*:r*") == []


def test_an_account_of_the_sandbox_goes_with_its_canaries(office: Office) -> None:
    """The sweep that drops its last register drops the account; a real account stays until it is idle."""
    office.work()
    before = keys(office.store, "v:*:r*")
    sandbox = office.maintenance.sweep.sealed.registry.sandbox
    assert sandbox
    sealed = replace(office.maintenance.sweep.sealed, registry=sandbox)
    office.maintenance.sweep.sealed = sealed
    office.plane.token = new_key(office.store, "canary")
    real_series = keys(office.store, "t:*:series:*")
    office.plane.send("PUT", "/v1/sandbox/videos/x", lines({"posted_at": ago(60)}))
    began = set(keys(office.store, "t:*:series:*")) - set(real_series)
    canary_series = {name for name in began if not is_audience(int(name.rpartition(b":")[2]))}
    reply = office.plane.send(
        "POST", "/v1/sandbox/events", lines(*(event(video_id="x", account_id=name) for name in "ab")), NDJSON
    )
    assert reply.json["verdicts"]["counted"] == 2
    assert len(keys(office.store, "v:*:r*")) == len(before) + 2
    tally = keys(office.store, "t:*:series:*")
    seal(office)
    list(office.maintenance.sweep.run(office.plane.clock.now_ms))
    assert sorted(keys(office.store, "v:*:r*")) == sorted(before)
    # Of the canary the tally has only the record that keeps its name from being used again. The sandbox's
    # audience of the platform is not over.
    gone = set(tally) - set(keys(office.store, "t:*:series:*"))
    assert gone == canary_series != set()
    assert keys(office.store, "t:*:measured:*") == keys(office.store, "t:*:log:*") == []
    again = office.plane.send("PUT", "/v1/sandbox/videos/x", lines({"posted_at": ago(60)}))
    assert again.status_code == 200
    assert set(keys(office.store, "t:*:series:*")).isdisjoint(gone)


def test_a_sweep_that_meets_a_rotation_leaves_no_register(office: Office) -> None:
    """It found accounts by names that they have no more when it drops registers: the next one does it."""
    office.work()
    seal(office)
    KeysInForce(office.store.admin, HEADER.account_shards).begin(PSEUDONYMISER)
    rotated = replace(
        PSEUDONYMISER, outer_key=bytes(32), previous_outer_key=PSEUDONYMISER.outer_key, generation=1
    )
    sweep, keys_now = office.maintenance.sweep, PseudonymKeys(lambda: rotated)
    found = list(sweep.scan.scan_records())
    running = sweep.run(office.plane.clock.now_ms)
    next(running)
    moving = AccountShards(office.store.rekeyer, keys_now, HEADER.account_shards)
    assert KeyRotation(moving, Throttle.disabled()).run(lambda _count: None)
    sweep.shards.keys.current = rotated
    with patch.object(AccountScan, "scan_records", lambda _scan: iter(found)):
        list(running)
    assert registers(office)
    list(sweep.run(office.plane.clock.now_ms))
    assert registers(office) == []


def registers(office: Office) -> list[bytes]:
    """Return the registers of all accounts."""
    fields = (raw(field) for name in keys(office.store, "v:*:r*") for field in office.store.root.hkeys(name))
    return [field for field in fields if field.isdigit()]


def test_redis_expires_only_what_may_be_lost(office: Office) -> None:
    """Redis expires keys by its own clock, which may leap: no receipt, job or record has a time to live."""
    office.work()
    list(office.maintenance.sweep.run(office.plane.clock.now_ms))
    expiring = [name for name in keys(office.store) if office.store.root.ttl(name) >= 0]
    assert [name for name in expiring if not name.startswith((b"l:", b"p:idem:", b"p:advisories"))] == []
    assert expiring != []


def seal(office: Office) -> None:
    """Bring every series past its last epoch, as the release worker does in a year."""
    for name in keys(office.store, f"{tally_key(0, 'x')[:3]}*:series:*"):
        office.store.root.hset(name, "epoch", 1_000)
