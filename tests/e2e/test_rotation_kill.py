"""`likewise keys rotate-pseudonym-key` is killed in the middle: called again it goes on; no count changes."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest

from api.http.system import clock_ms
from api.runtime.store_setup import PreparedStore
from privacy.maintenance.key_rotation import KeyRotation
from privacy.model.change import GAINED
from privacy.model.engagement import Verdict
from privacy.store.keys import register_prefix
from privacy.store.users import Process
from privacy.tally.outbox_relay import Relay
from privacy.vault.entries import AdmittedEvent
from privacy.vault.key_rotation import KEY_ROTATION_SCRIPT, ShardKeyRotation
from privacy.vault.limits import KnownLimits
from privacy.vault.pseudonym import Pseudonymiser
from privacy.vault.pseudonym_key_file import begin_rotation, load_pseudonymiser
from privacy.vault.registers import RegisterStore
from privacy.vault.shards import AccountShards, PseudonymKeys
from tests.support.command_line import answer_of, likewise
from tests.support.histories import SERIES, UNLIKED
from tests.support.killing_proxy import KillPoint, killing_proxy
from tests.support.prepared_store import prepare_store, process_environment
from tests.support.redis_server import Store
from tests.support.reference_model import ReferenceModel
from tests.support.registers import POLICY, read_changes

ACCOUNTS = [f"account-{number}" for number in range(2_000)]
SHARDS = 8
COMMAND = [sys.executable, "-m", "api.cli", "keys", "rotate-pseudonym-key", "--json"]
SOME = [(3, False), (SHARDS + 3, True)]
"""While the new key is put in force shard by shard, and while accounts move. Then the other is forgotten."""
ALL = [case for case in product(range(1, 3 * SHARDS + 1), (False, True)) if case not in SOME]


@pytest.mark.parametrize(
    ("call", "carried_out"),
    [*SOME, *(pytest.param(*case, marks=pytest.mark.nightly(part="crash")) for case in ALL)],
)
def test_a_rotation_that_was_killed_goes_on(
    store: Store, tmp_path: Path, call: int, carried_out: bool
) -> None:
    """Events of the time between the two calls count once, and so do those from before that come again."""
    founded = founded_on(store, tmp_path)
    assert founded.header.account_shards == SHARDS
    vault = vault_on(store, founded)
    reference = ReferenceModel(POLICY.flip_cap, POLICY.daily_cap)
    now_ms = clock_ms()

    def record(entries: list[AdmittedEvent]) -> list[Verdict]:
        verdicts = vault.record(entries, now_ms)
        assert verdicts == reference.record(entries, now_ms)
        return verdicts

    record(likes(SERIES[0]))
    store.root.script_load(KEY_ROTATION_SCRIPT.source)
    environment = process_environment(founded.settings, tmp_path, Process.OPERATOR)
    with killing_proxy(store.settings, KillPoint(KEY_ROTATION_SCRIPT, call, carried_out)) as proxy:
        assert proxy.start(COMMAND, environment).wait() == -signal.SIGKILL
    record(likes(SERIES[1])[::2])
    assert bool(names(store, generation=0)) == ((call, carried_out) < (2 * SHARDS, True))
    assert answer_of(rotated(environment))["generation"] == 1
    assert not names(store, generation=0)
    assert len(names(store, generation=1)) == len(ACCOUNTS)
    assert set(record(likes(SERIES[0]))) == {Verdict.DUPLICATE}
    assert set(record([(*entry[:2], 2_000, UNLIKED, 3) for entry in likes(SERIES[0])])) == {Verdict.UNCOUNTED}
    Relay(store.relay, founded.header).drain()
    assert read_changes(store.root, SERIES, founded.header) == reference.changes


def test_a_rotation_that_comes_late_leaves_the_next_one_its_key(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped before its end, it finds the next rotation half-way: that one goes on, and nothing is lost."""
    founded = founded_on(store, tmp_path)
    vault, now_ms = vault_on(store, founded), clock_ms()
    vault.record(likes(SERIES[0])[:100], now_ms)
    environment = process_environment(founded.settings, tmp_path, Process.OPERATOR)
    key_file = tmp_path / "pseudonym.key"
    run_whole = KeyRotation.run
    following: list[Pseudonymiser] = []

    def stop_at_the_end(rotation: KeyRotation, on_moved: Callable[[int], None]) -> int:
        moved = run_whole(rotation, on_moved)
        monkeypatch.setattr(KeyRotation, "run", run_whole)
        assert answer_of(rotated(environment))["generation"] == 1
        following.append(begin_rotation(key_file, os.urandom))
        keys = PseudonymKeys(lambda: following[0])
        begun = ShardKeyRotation(AccountShards(store.rekeyer, keys, SHARDS))
        for shard in range(SHARDS):
            begun.put_in_force(shard)
        return moved

    monkeypatch.setattr(KeyRotation, "run", stop_at_the_end)
    late = rotated(environment)
    assert late.returncode != 0
    assert "to generation 2 is under way" in late.stderr
    assert [load_pseudonymiser(key_file)] == following
    assert answer_of(rotated(environment))["generation"] == 2
    assert len(names(store, generation=2)) == 100
    assert vault.record(likes(SERIES[0])[:100], now_ms) == [Verdict.DUPLICATE] * 100


def rotated(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Rotates the pseudonym key, in this process."""
    return likewise("keys", "rotate-pseudonym-key", "--json", environment=environment)


def founded_on(store: Store, folder: Path) -> PreparedStore:
    """A new deployment."""
    return prepare_store(store.settings, folder)


def vault_on(store: Store, founded: PreparedStore) -> RegisterStore:
    """Intake, with the keys as they are read from the file."""
    limits = KnownLimits(founded.registry, store.platform)
    shards = AccountShards(store.platform, founded.keys, founded.header.account_shards, limits)
    return RegisterStore(shards)


def likes(series: int) -> list[AdmittedEvent]:
    """Return one of every account."""
    return [(account, series, 1_000, GAINED, 3) for account in ACCOUNTS]


def names(store: Store, generation: int) -> list[bytes]:
    """Accounts that are kept under the key of a generation."""
    return [
        name
        for shard in range(SHARDS)
        for name in store.root.scan_iter(
            match=register_prefix(shard, generation).encode() + b"*", count=10_000
        )
    ]
