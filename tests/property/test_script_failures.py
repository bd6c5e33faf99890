"""Whatever call of a script fails, nothing is half done: mended and called again, it ends as it should."""

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
import redis

from privacy.errors import LikewiseError
from privacy.tally.log_elements import OUTBOX_CHANGE
from privacy.vault.limits import limits_key
from tests.support.broken_calls import ScriptCalls, Snapshot, planted, revoked, snapshot, trace
from tests.support.redis_server import Store
from tests.support.registers import raw
from tests.support.script_cases import CASES, Case, fill

SOURCES: Final = Path(__file__).parents[2]
SHARED: Final = {"account.lua", "audiences.lua", "change_status.lua", "write_once.lua"}
"""Parts of other scripts."""
READERS: Final = {"arrivals.lua", "refused_commands.lua"}
"""They write nothing."""


@pytest.fixture(scope="module")
def fast_store(shared_store: Store) -> Iterator[Store]:
    """The store without fsync."""
    with shared_store.without_fsync():
        yield shared_store


def begin(case: Case, store: Store) -> None:
    """Bring the store to the state before the call."""
    store.flush()
    fill(store)
    case.prepare(store)


def drift(found: Snapshot) -> Counter[int]:
    """Return by how much the counted registers of each series differ from the changes in the outbox."""
    drift: Counter[int] = Counter()
    for key, content in found.items():
        if b":r" in key and isinstance(content, dict):
            for field, stored in content.items():
                if field.isdigit():
                    drift[int(field)] += stored[6] // 16 % 2
        if key.endswith(b":outbox") and isinstance(content, dict):
            for series, change in np.frombuffer(content.get(b"c", b""), OUTBOX_CHANGE).tolist():
                drift[series] -= -1 if change % 16 else 1
    return Counter({series: amount for series, amount in drift.items() if amount})


@pytest.mark.parametrize("case", CASES, ids=str)
def test_any_call_may_fail(case: Case, fast_store: Store) -> None:
    """With a command revoked or a key of another type no count is lost; mended, it ends as a clean call."""
    store, client = fast_store, getattr(fast_store, case.user)
    begin(case, store)
    before, drift_before = store.dump(), drift(snapshot(store))
    case.act(store)  # loads the script: the trace is of the script alone
    store.put_back(before)
    calls = trace(store, lambda: case.act(store))
    expected = snapshot(store)
    assert calls.commands
    for broken in ways_to_break(calls, store, client):
        store.put_back(before)
        with broken(), pytest.raises(LikewiseError):
            case.act(store)
        assert drift(snapshot(store)) == drift_before
        case.act(store)
        assert snapshot(store) == expected


def ways_to_break(calls: ScriptCalls, store: Store, client: redis.Redis) -> Iterator[Callable[[], Any]]:
    """Yield a way for every call of a script: its command is revoked, its key is of another type."""
    for command in calls.commands:
        yield partial(revoked, store, client, command)
    for key in calls.typed_keys:
        yield partial(planted, store, key)


def test_every_script_that_writes_is_tried() -> None:
    """A new script of the vault, the catalogue, moderation, publishing, stores or the planes needs a case."""
    folders = ("vault", "catalogue", "moderation", "publishing", "maintenance", "store")
    paths = [SOURCES / "api", *(SOURCES / "privacy" / folder for folder in folders)]
    found = {path.name for folder in paths for path in folder.rglob("*.lua")}
    assert {case.script for case in CASES} == found - SHARED - READERS


VAULT_CASES: Final = [case for case in CASES if (SOURCES / "privacy/vault" / case.script).exists()]
WITHOUT_LIMITS: Final = {"key_rotation.lua", "put_limits.lua", "replace_limits.lua"}
"""The first settles nothing, the others put limits in force."""


@pytest.mark.parametrize("case", [case for case in VAULT_CASES if case.script not in WITHOUT_LIMITS], ids=str)
def test_a_caller_that_knows_other_limits_changes_nothing(case: Case, fast_store: Store) -> None:
    """Every script refuses it before it writes, and one that finds no limits in force does too."""
    begin(case, fast_store)
    in_force = raw(fast_store.root.get(limits_key(0)))
    for other in (b"2 100 1", b""):
        fast_store.root.set(limits_key(0), other)
        before = snapshot(fast_store)
        with pytest.raises(LikewiseError):
            case.act(fast_store)
        assert snapshot(fast_store) == before
    fast_store.root.set(limits_key(0), in_force)
    case.act(fast_store)
