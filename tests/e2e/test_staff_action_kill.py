"""The platform plane is killed during a staff action on an account: the action takes effect exactly once."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from itertools import product
from pathlib import Path

import pytest

from api.http.system import clock_ms
from api.runtime.api_keys import ApiKeys, ApiKeySpec
from api.runtime.store_setup import PreparedStore
from privacy.model.account_status import AccountStatus
from privacy.model.change import GAINED
from privacy.model.engagement import Verdict
from privacy.model.timestamp import MS_PER_DAY
from privacy.moderation.pending import PendingOperations
from privacy.store.keys import PENDING_OPERATIONS
from privacy.store.script import Script
from privacy.store.users import Process
from privacy.tally.outbox_relay import Relay
from privacy.vault.erasure import ERASE_SCRIPT
from privacy.vault.limits import KnownLimits
from privacy.vault.pseudonym_key_file import create_key_file
from privacy.vault.recount import RECOUNT_SCRIPT, StatusTransition
from privacy.vault.registers import RegisterStore
from privacy.vault.shards import AccountShards
from tests.support.eventually import eventually
from tests.support.killing_proxy import KillPoint, killing_proxy
from tests.support.ports import HOST, free_port
from tests.support.prepared_store import prepare_store, process_environment
from tests.support.redis_server import Store
from tests.support.reference_model import ReferenceModel
from tests.support.registers import POLICY, raw, read_changes, read_registers

PERSON, BYSTANDER = "person-1", "person-2"
ENGAGEMENTS = 7_000
"""More than three steps settle."""
SERIES = range(0, 4 * ENGAGEMENTS, 4)


@dataclass(frozen=True)
class StaffAction:
    """A staff action over HTTP.

    Args:
        path: of the call.
        action: value of its `action`; empty for an erasure.
        script: carries the action out, step by step.
    """

    path: str
    action: str
    script: Script

    def body(self) -> bytes:
        """Return the body of the request."""
        document = {"account_id": PERSON, "note": "a test"}
        return json.dumps(document | ({"action": self.action} if self.action else {})).encode()

    def carry_out(self, reference: ReferenceModel) -> None:
        """Apply the action to the reference model."""
        if self.script is ERASE_SCRIPT:
            reference.erase(PERSON)
        else:
            to = {"ban": AccountStatus.BANNED, "delete": AccountStatus.DELETED}[self.action]
            reference.change_status(PERSON, StatusTransition(to), clock_ms())


ERASURE = StaffAction("/v1/rights/erasures", "", ERASE_SCRIPT)
BAN = StaffAction("/v1/moderation/accounts", "ban", RECOUNT_SCRIPT)
DELETION = StaffAction("/v1/moderation/accounts", "delete", RECOUNT_SCRIPT)
AGAIN, WORKER = "sent again", "left to the maintenance worker"
SOME = [
    (ERASURE, 2, False, WORKER),
    (ERASURE, 3, True, AGAIN),
    (BAN, 2, True, WORKER),
    (DELETION, 3, False, AGAIN),
]
ALL = [
    case
    for case in product((ERASURE, BAN, DELETION), (1, 2, 3), (False, True), (AGAIN, WORKER))
    # Nothing resumes an action that did not begin; its caller got no answer.
    if case not in SOME and case[1:] != (1, False, WORKER)
]


@pytest.mark.parametrize(
    ("action", "call", "carried_out", "finished"),
    [*SOME, *(pytest.param(*case, marks=pytest.mark.nightly(part="crash")) for case in ALL)],
    ids=lambda value: value.action or "erase" if isinstance(value, StaffAction) else None,
)
def test_an_interrupted_action_takes_effect_once(
    store: Store, tmp_path: Path, action: StaffAction, call: int, carried_out: bool, finished: str
) -> None:
    """Registers and counts equal the reference, whoever finishes the action; nothing stays pending."""
    prepared = set_up(store, tmp_path)
    reference = fill(store, prepared)
    store.root.script_load(action.script.source)
    key = key_for(prepared)
    with killing_proxy(store.settings, KillPoint(action.script, call, carried_out)) as proxy:
        port = free_port()
        command = [sys.executable, "-m", "api.cli", "platform", "--port", str(port), "--workers", "1"]
        plane = proxy.start(command, environment(prepared, tmp_path))
        eventually(lambda: is_open(port), "the platform plane listening")
        with pytest.raises(ConnectionError):
            send(port, key, action)
        assert plane.wait() == -signal.SIGKILL
    begun = read_registers(store.root, [PERSON], prepared.header)
    assert len(PendingOperations(store.maintenance).older_than(clock_ms(), 10)) == 1
    action.carry_out(reference)
    assert begun != {key: value for key, value in reference.registers.items() if key[0] == PERSON}
    if finished == AGAIN:
        with platform(prepared, tmp_path) as port:
            assert send(port, key, action) in (200, 201)
    else:
        # Half a minute passes.
        for member in store.root.zrange(PENDING_OPERATIONS, 0, -1):
            store.root.zadd(PENDING_OPERATIONS, {raw(member): 0})
        with maintenance(prepared, tmp_path):
            eventually(
                lambda: not store.root.exists(PENDING_OPERATIONS), "the maintenance worker finishing it"
            )
    assert not store.root.exists(PENDING_OPERATIONS)
    assert read_registers(store.root, [PERSON, BYSTANDER], prepared.header) == reference.registers
    Relay(store.relay, prepared.header).drain()
    assert read_changes(store.root, SERIES, prepared.header) == reference.changes
    if action is ERASURE:
        assert vault_on(store, prepared).record(likes(PERSON)[:1], clock_ms()) == [Verdict.ACCOUNT_CLOSED]


def set_up(store: Store, folder: Path) -> PreparedStore:
    """Set up a store whose pseudonyms are those of the tests."""
    halves = iter((bytes(range(32)), bytes(range(32, 64))))
    create_key_file(folder / "pseudonym.key", lambda _count: next(halves))
    return prepare_store(store.settings, folder)


def vault_on(store: Store, prepared: PreparedStore) -> RegisterStore:
    """Return the vault, under the shipped policy."""
    limits = KnownLimits(prepared.registry, store.platform)
    shards = AccountShards(store.platform, prepared.keys, prepared.header.account_shards, limits)
    return RegisterStore(shards)


def likes(account: str) -> list[tuple[str, int, int, int, int]]:
    """Return a like of every series, one a second."""
    return [(account, series, 1_000 * (1 + series), GAINED, series % 7) for series in SERIES]


def fill(store: Store, prepared: PreparedStore) -> ReferenceModel:
    """Let both accounts like every series, as many on each past day as the daily cap allows."""
    reference, vault = ReferenceModel(POLICY.flip_cap, POLICY.daily_cap), vault_on(store, prepared)
    first_ms = clock_ms() - ENGAGEMENTS // POLICY.daily_cap * MS_PER_DAY
    with store.without_fsync():
        for account in (PERSON, BYSTANDER):
            events = likes(account)
            for day, first in enumerate(range(0, ENGAGEMENTS, POLICY.daily_cap)):
                batch, now_ms = events[first : first + POLICY.daily_cap], first_ms + day * MS_PER_DAY
                verdicts = vault.record(batch, now_ms)
                assert verdicts == reference.record(batch, now_ms) == [Verdict.COUNTED] * len(batch)
    return reference


def key_for(prepared: PreparedStore) -> str:
    """Return an API key for every action."""
    ring = ApiKeys.open(prepared.settings, "platform", os.urandom)
    return ring.create(ApiKeySpec("tests", ["moderate", "privacy"], 1, 1_000))[0]


def environment(prepared: PreparedStore, folder: Path) -> dict[str, str]:
    """Return the environment of the processes."""
    return process_environment(prepared.settings, folder, Process.PLATFORM, Process.MAINTENANCE)


@contextmanager
def platform(prepared: PreparedStore, folder: Path) -> Iterator[int]:
    """Run a platform plane. Yields its port."""
    port = free_port()
    with running("platform", "--port", str(port), "--workers", "1", env=environment(prepared, folder)):
        eventually(lambda: is_open(port), "the platform plane listening")
        yield port


@contextmanager
def maintenance(prepared: PreparedStore, folder: Path) -> Iterator[None]:
    """Run a maintenance worker."""
    with running("maintain", env=environment(prepared, folder)):
        yield


@contextmanager
def running(*arguments: str, env: dict[str, str]) -> Iterator[None]:
    """Run a process of the product while the block runs."""
    command = [sys.executable, "-m", "api.cli", *arguments]
    with subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.terminate()


def is_open(port: int) -> bool:
    """Return whether a server answers."""
    connection = HTTPConnection(HOST, port, timeout=60)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except ConnectionError:
        return False
    finally:
        connection.close()


def send(port: int, key: str, action: StaffAction) -> int:
    """Send an action. Returns the status of the answer."""
    connection = HTTPConnection(HOST, port, timeout=60)
    try:
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        connection.request("POST", action.path, action.body(), headers)
        return connection.getresponse().status
    finally:
        connection.close()
