"""A script of tally or catalogue that fails has written nothing, and repeats cleanly when that is mended.

Redis rolls no script back: what a script wrote before a command failed would stay, and be written again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np
import pytest

from privacy.catalogue.catalogue import Catalogue
from privacy.errors import StoreError
from privacy.publishing.publisher import Publisher
from privacy.store.acl import AclUser
from privacy.store.keys import outbox_key
from privacy.store.users import PLATFORM, RELAY, RELEASE
from privacy.tally.audience_log import AUDIENCE_CHANGE
from privacy.tally.log_elements import OUTBOX_CHANGE
from privacy.tally.outbox_relay import Relay
from privacy.tally.series import Commit, TallyShard
from tests.support.audiences import audience
from tests.support.redis_server import Store
from tests.support.registers import HEADER, raw
from tests.support.release_world import VIDEOS, ReleaseWorld, calibration, hours
from tests.support.targets import a_video

Call = Callable[[], object]
Content = Mapping[bytes, object]
SHARD: Final = 1
"""The target shard of four of the videos."""
_ASIDE: Final = "set aside by a test"


class Case(NamedTuple):
    """A script, as the product calls it.

    Args:
        prepare: fills an empty store.
        find_call: returns the call on such a store; it may be repeated after a failure.
        user: the Redis user that calls it.
        writes: parts of the names of keys that it writes.
    """

    prepare: Callable[[Store], None]
    find_call: Callable[[Store], Call]
    user: AclUser
    writes: tuple[str, ...]


def prepare_apply(store: Store) -> None:
    """Changes of three videos, after some were applied; their epoch has ended."""
    world = ReleaseWorld(store)
    world.reset()
    series = [world.numbers[video] for video in VIDEOS[:3]]
    for moment_ms in (1, 2):
        changes = np.array([(number, 0) for number in series * moment_ms], OUTBOX_CHANGE)
        of_audiences = np.array([(audience(number // 4), 0) for number in series], AUDIENCE_CHANGE)
        content = changes.tobytes(), of_audiences.tobytes()
        store.root.xadd(outbox_key(0), {"c": content[0], "86400:20000": content[1]}, id=f"{moment_ms}-0")
        if moment_ms == 1:
            world.relay().drain()


def find_apply(store: Store) -> Call:
    """Apply the rest."""
    return Relay(store.relay, HEADER, lambda: hours(1)).drain


def prepare_commit(store: Store) -> None:
    """Videos of which one epoch is released and another one is over."""
    world = ReleaseWorld(store)
    world.reset()
    world.like_everything()
    world.now_ms = hours(1)
    assert _commit(store, "", "1", hours(2))()
    world.now_ms = hours(2)
    for second in (hours(2), hours(1)):  # what is counted stands behind what is not
        world.now_ms = second
        world.like_everything()
    world.now_ms = hours(2)


def _commit(store: Store, before: str, after: str, next_due_ms: int | None) -> Call:
    shard = TallyShard(store.release, SHARD)
    commits = [
        Commit(due, next_due_ms, hours(9), b"net", b"measured", b"release", b"entry")
        for due in shard.read_series(shard.list_due(10))
    ]
    return lambda: shard.commit(commits, before, after)


def prepare_catalogue(store: Store) -> None:
    """A catalogue with videos."""
    ReleaseWorld(store).reset()


def _register(store: Store, names: Sequence[str], title: str) -> Call:
    publish = Publisher(store.publisher).publish_targets
    catalogue = Catalogue(store.platform, HEADER.target_shards, calibration().policy, publish)
    return lambda: catalogue.register([a_video(name, 0, title=title) for name in names], 0)


CASES = {
    "apply": Case(prepare_apply, find_apply, RELAY, (":log:", ":offsets", ":audience-log:")),
    "commit": Case(
        prepare_commit,
        lambda store: _commit(store, "1", "2", hours(3)),
        RELEASE,
        (":due", ":head", ":ledger", ":log:", ":measured:", ":net:", ":pending", ":series:", ":visible"),
    ),
    "last commit": Case(
        prepare_commit,
        lambda store: _commit(store, "1", "2", None),
        RELEASE,
        (":due", ":head", ":ledger", ":log:", ":measured:", ":net:", ":pending", ":series:", ":visible"),
    ),
    "register": Case(
        prepare_catalogue,
        lambda store: _register(store, [f"new-{number}" for number in range(6)], "new"),
        PLATFORM,
        (":due", ":series:", ":targets", ":videos"),
    ),
    "replace": Case(
        prepare_catalogue, lambda store: _register(store, VIDEOS, "other"), PLATFORM, (":videos",)
    ),
}
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


@pytest.fixture
def fast_store(store: Store) -> Iterator[Store]:
    """The store without fsync."""
    with store.without_fsync():
        yield store


@every_case
def test_a_key_of_another_type(case: Case, fast_store: Store) -> None:
    """Whichever of the keys that it writes is not what it should be."""
    case.prepare(fast_store)
    begin = fast_store.dump()
    before, after = _run(case, fast_store)
    written = [key for key in before | after if before.get(key) != after.get(key)]
    for part in case.writes:
        assert any(part.encode() in key for key in written), part
    for key in written:
        fast_store.put_back(begin)
        call = case.find_call(fast_store)
        with another_type(fast_store, key):
            with pytest.raises(StoreError):
                call()
            assert _of_shard(key, read_tally(fast_store, key)) == _of_shard(key, before)
        call()
        assert read_tally(fast_store) == after


@every_case
def test_a_right_that_is_missing(case: Case, fast_store: Store) -> None:
    """Whichever command the user may not use: an ACL is older than the program."""
    case.prepare(fast_store)
    begin = fast_store.dump()
    before, after = _run(case, fast_store)
    refused = 0
    commands = {word for grant in case.user.grants for word in grant.commands} - {"evalsha"}
    for command in sorted(commands):
        fast_store.put_back(begin)
        call = case.find_call(fast_store)
        with without(fast_store, case.user, command):
            try:
                call()
            except StoreError:
                refused += 1
                found = read_tally(fast_store)
                for key in (b"t:{t0}", b"t:{t1}"):
                    assert _of_shard(key, found) in (_of_shard(key, before), _of_shard(key, after)), command
        call()
        assert read_tally(fast_store) == after, command
    assert refused > 1


def _run(case: Case, store: Store) -> tuple[dict[bytes, object], dict[bytes, object]]:
    call = case.find_call(store)
    before = read_tally(store)
    call()
    return before, read_tally(store)


def _of_shard(key: bytes, content: Content) -> Content:
    """Return the content of the other keys of a key's shard; each shard has a call of its own."""
    tag = key.partition(b"}")[0]
    return {name: held for name, held in content.items() if name.startswith(tag) and name != key}


def read_tally(store: Store, but: bytes = b"") -> dict[bytes, object]:
    """Return the content of every key of the tally except one."""
    names = [name for name in map(raw, store.root.keys("t:*")) if name != but]
    kinds = store.root.pipeline(transaction=False)
    for name in names:
        kinds.type(name)
    reads = store.root.pipeline(transaction=False)
    readers: dict[bytes, Callable[[bytes], object]] = {
        b"string": reads.get,
        b"list": lambda key: reads.lrange(key, 0, -1),
        b"hash": reads.hgetall,
        b"zset": lambda key: reads.zrange(key, 0, -1, withscores=True),
        b"stream": reads.xrange,
    }
    for name, kind in zip(names, kinds.execute(), strict=True):
        readers[kind](name)
    return dict(zip(names, reads.execute(), strict=True))


@contextmanager
def another_type(store: Store, key: bytes) -> Iterator[None]:
    """Let a key hold what no script expects there."""
    root = store.root
    kind = root.type(key)
    if kind != b"none":
        root.rename(key, _ASIDE)
    if kind == b"list":
        root.set(key, "no list")
    else:
        root.rpush(key, "a list")
    yield
    root.delete(key)
    if kind != b"none":
        root.rename(_ASIDE, key)


@contextmanager
def without(store: Store, user: AclUser, command: str) -> Iterator[None]:
    """Take a command from a user."""
    grants = [
        replace(grant, commands=tuple(word for word in grant.commands if word != command) or ("touch",))
        for grant in user.grants
    ]
    _set_rules(store, replace(user, grants=tuple(grants)))
    try:
        yield
    finally:
        _set_rules(store, user)


def _set_rules(store: Store, user: AclUser) -> None:
    command = ("ACL", "SETUSER", user.name, "clearselectors", *user.rules)
    store.root.execute_command(*command)  # type: ignore[no-untyped-call]  # redis-py leaves it unannotated
