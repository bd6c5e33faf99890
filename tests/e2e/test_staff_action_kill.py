"""The platform plane is killed in the middle of an order about one account: what was begun is done, once."""

from __future__ import annotations

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
from privacy.moderation.pending import PendingOperations
from privacy.store.keys import UNFINISHED
from privacy.store.script import Script
from privacy.store.users import Process
from privacy.tally.relay import Relay
from privacy.vault.erasure import ERASE
from privacy.vault.pseudonym_key_file import create_key_file
from privacy.vault.recount import SETTLE, Move
from privacy.vault.registers import RegisterStore
from privacy.vault.shards import AccountShards
from tests.support.eventually import eventually
from tests.support.killing_proxy import KillPoint, killing_proxy
from tests.support.ports import HOST, free_port
from tests.support.prepared_store import prepare_store, process_environment
from tests.support.redis_server import Store
from tests.support.reference_model import ReferenceModel
from tests.support.registers import caps, raw, read_changes, read_registers

PERSON, BYSTANDER = "person-1", "person-2"
FLIP_CAP, ENGAGEMENTS = 4, 7_000
SERIES = range(0, 4 * ENGAGEMENTS, 4)
LIKES_PER_BATCH = 1_000


@dataclass(frozen=True)
class Order:
    """What is asked for over HTTP.

    Args:
        path: of the call.
        action: of an order of staff.
        script: what carries it out, step by step.
    """

    path: str
    action: str
    script: Script

    def body(self) -> bytes:
        """Of the request."""
        order = {"account_id": PERSON, "note": "a test"}
        return json.dumps(order | ({"action": self.action} if self.action else {})).encode()

    def carry_out(self, reference: ReferenceModel) -> None:
        """Let the reference do the same."""
        if self.script is ERASE:
            reference.erase(PERSON)
        else:
            to = {"ban": AccountStatus.BANNED, "delete": AccountStatus.DELETED}[self.action]
            reference.move(PERSON, Move(to), clock_ms())


ERASURE = Order("/v1/rights/erasures", "", ERASE)
BAN = Order("/v1/moderation/accounts", "ban", SETTLE)
DELETION = Order("/v1/moderation/accounts", "delete", SETTLE)
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
    # Nobody finishes what was not begun: there was no answer either.
    if case not in SOME and case[1:] != (1, False, WORKER)
]


@pytest.mark.parametrize(
    ("order", "call", "carried_out", "finished"),
    [*SOME, *(pytest.param(*case, marks=pytest.mark.nightly) for case in ALL)],
    ids=lambda value: value.action or "erase" if isinstance(value, Order) else None,
)
def test_what_was_begun_is_done_once(
    store: Store, tmp_path: Path, order: Order, call: int, carried_out: bool, finished: str
) -> None:
    """Registers and counts end as the reference says, whoever finishes the work; nothing is left to do."""
    founded = founded_on(store, tmp_path)
    reference = filled(store, founded)
    store.root.script_load(order.script.source)
    key = key_for(founded)
    with killing_proxy(store.settings, KillPoint(order.script, call, carried_out)) as proxy:
        port = free_port()
        command = [sys.executable, "-m", "api.cli", "platform", "--port", str(port), "--workers", "1"]
        plane = proxy.start(command, environment(founded, tmp_path))
        eventually(lambda: is_open(port), "the platform plane listening")
        with pytest.raises(ConnectionError):
            send(port, key, order)
        assert plane.wait() == -signal.SIGKILL
    begun = read_registers(store.root, [PERSON], founded.header)
    assert len(PendingOperations(store.maintenance).older_than(clock_ms(), 10)) == 1
    order.carry_out(reference)
    assert begun != {key: value for key, value in reference.registers.items() if key[0] == PERSON}
    if finished == AGAIN:
        with platform(founded, tmp_path) as port:
            assert send(port, key, order) in (200, 201)
    else:
        # Half a minute passes.
        for member in store.root.zrange(UNFINISHED, 0, -1):
            store.root.zadd(UNFINISHED, {raw(member): 0})
        with maintenance(founded, tmp_path):
            eventually(lambda: not store.root.exists(UNFINISHED), "the maintenance worker finishing it")
    assert not store.root.exists(UNFINISHED)
    assert read_registers(store.root, [PERSON, BYSTANDER], founded.header) == reference.registers
    Relay(store.relay, founded.header).drain()
    assert read_changes(store.root, SERIES, founded.header) == reference.changes
    if order is ERASURE:
        assert vault_on(store, founded).record(likes(PERSON)[:1], clock_ms()) == [Verdict.CLOSED]


def founded_on(store: Store, folder: Path) -> PreparedStore:
    """A deployment whose pseudonyms are those of the tests."""
    halves = iter((bytes(range(32)), bytes(range(32, 64))))
    create_key_file(folder / "pseudonym.key", lambda _count: next(halves))
    return prepare_store(store.settings, folder)


def vault_on(store: Store, founded: PreparedStore) -> RegisterStore:
    """The deployment's vault, with room for many engagements on one day."""
    shards = AccountShards(store.platform, founded.keys, founded.header.account_shards)
    return RegisterStore(shards, caps(FLIP_CAP, 2 * ENGAGEMENTS, burst_likes=60_000))


def likes(account: str) -> list[tuple[str, int, int, int, int]]:
    """A like of everything."""
    return [(account, series, 1_000 + series, GAINED, series % 7) for series in SERIES]


def filled(store: Store, founded: PreparedStore) -> ReferenceModel:
    """Let both accounts like everything, in the vault and in the reference."""
    reference, vault = ReferenceModel(FLIP_CAP, 2 * ENGAGEMENTS, 60_000), vault_on(store, founded)
    now_ms = clock_ms()
    with store.without_fsync():
        for account in (PERSON, BYSTANDER):
            events = likes(account)
            for first in range(0, ENGAGEMENTS, LIKES_PER_BATCH):
                vault.record(events[first : first + LIKES_PER_BATCH], now_ms)
            reference.record(events, now_ms)
    return reference


def key_for(founded: PreparedStore) -> str:
    """A key that may give every order."""
    ring = ApiKeys.open(founded.settings, "platform", clock_ms, os.urandom)
    return ring.create(ApiKeySpec("tests", ["moderate", "privacy"], 1, 1_000))[0]


def environment(founded: PreparedStore, folder: Path) -> dict[str, str]:
    """What the processes are given."""
    return process_environment(founded.settings, folder, Process.PLATFORM, Process.MAINTENANCE)


@contextmanager
def platform(founded: PreparedStore, folder: Path) -> Iterator[int]:
    """A platform plane that lives; its port."""
    port = free_port()
    with running("platform", "--port", str(port), "--workers", "1", env=environment(founded, folder)):
        eventually(lambda: is_open(port), "the platform plane listening")
        yield port


@contextmanager
def maintenance(founded: PreparedStore, folder: Path) -> Iterator[None]:
    """A maintenance worker that lives."""
    with running("maintain", env=environment(founded, folder)):
        yield


@contextmanager
def running(*arguments: str, env: dict[str, str]) -> Iterator[None]:
    """A process of the product, for the length of the block."""
    command = [sys.executable, "-m", "api.cli", *arguments]
    with subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.terminate()


def is_open(port: int) -> bool:
    """Whether a server answers."""
    connection = HTTPConnection(HOST, port, timeout=60)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except ConnectionError:
        return False
    finally:
        connection.close()


def send(port: int, key: str, order: Order) -> int:
    """Give an order; the status of the answer."""
    connection = HTTPConnection(HOST, port, timeout=60)
    try:
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        connection.request("POST", order.path, order.body(), headers)
        return connection.getresponse().status
    finally:
        connection.close()
