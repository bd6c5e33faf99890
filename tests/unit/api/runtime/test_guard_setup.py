"""A lost rollback guard is rebuilt only with an answer to what happened, and as far as that allows."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from api.http.system import clock_ms
from api.runtime.policy_source import read_policy
from api.runtime.store_keys import KeyFiles
from api.runtime.store_setup import PreparedStore, StoreSetup
from privacy.errors import StoreError
from privacy.maintenance.rebuild_erasure_log import ErasureLogRebuild
from privacy.model.timestamp import MS_PER_DAY
from privacy.rollback.erasure_watermark import ErasureWatermark
from privacy.rollback.release_watermark import ReleaseWatermark
from privacy.store.clock import Anchor
from privacy.store.keys import CLOCK_ANCHOR, ledger_log_key
from privacy.vault.erasure import Erasure
from privacy.vault.limits import KnownLimits
from privacy.vault.pseudonym import AccountRef
from privacy.vault.shards import AccountShards
from tests.support.cli_policy import SMALL_POLICY
from tests.support.redis_server import Store

RELEASED = 3


@pytest.fixture
def setup(tmp_path: Path) -> StoreSetup:
    """Sets a store up with a small policy, which is computed quickly."""
    (tmp_path / "policy.toml").write_text(SMALL_POLICY)
    keys = KeyFiles(tmp_path / "pseudonym.key", tmp_path / "ledger.key")
    policy = read_policy(tmp_path / "policy.toml")
    return StoreSetup(policy, keys, tmp_path / "guard", clock_ms, os.urandom)


@pytest.fixture
def prepared(store: Store, setup: StoreSetup) -> PreparedStore:
    """A store in which one account was erased, and some releases of each shard were published."""
    made = setup.prepare(store.settings)
    erase(store, made, "a-1")
    for shard in range(made.header.target_shards):
        store.root.rpush(ledger_log_key(shard), *range(RELEASED))
        released(made).advance(shard, RELEASED)
    return made


def erase(store: Store, made: PreparedStore, account_id: str) -> None:
    """Erase an account, as the platform plane does."""
    limits = KnownLimits(made.registry, store.platform)
    shards = AccountShards(store.platform, made.keys, made.header.account_shards, limits)
    erasure = Erasure(shards, ErasureWatermark(store.platform, made.erasures))
    erasure.erase(AccountRef(account_id), clock_ms())


def released(made: PreparedStore) -> ReleaseWatermark:
    """The ledger lengths of a store."""
    return ReleaseWatermark(made.erasures.folder, made.header.store_id)


def lose(made: PreparedStore, part: str) -> None:
    """Lose the whole guard, or the files of it that a pattern matches."""
    if part == "all":
        shutil.rmtree(made.erasures.folder)
        return
    found = list(made.erasures.folder.glob(part))
    assert found
    for path in found:
        path.unlink()


def test_a_new_store_has_all_records(store: Store, setup: StoreSetup) -> None:
    """From the founding on, a missing one is a loss: every shard has its ledger length, and it is 0."""
    made = setup.prepare(store.settings)
    for shard in range(made.header.target_shards):
        released(made).check(shard, 0)
        path = made.erasures.folder / f"{made.header.store_id}.released-{shard}"
        assert path.read_text().startswith("0 ")
    assert made.erasures.last_number() == 0


@pytest.mark.parametrize("part", ["all", "*.erasures", "*.released-*", "*.released-5"])
def test_a_lost_record_stops_everything_and_says_what_to_do(
    setup: StoreSetup, prepared: PreparedStore, part: str
) -> None:
    """Without an answer nothing is set up, rebuilt or released; the message names the two answers."""
    lose(prepared, part)
    before = sorted(setup.rollback_guard_dir.glob("*"))
    with pytest.raises(StoreError, match=r"--restored no.*--restored yes"):
        setup.prepare(prepared.settings)
    assert sorted(setup.rollback_guard_dir.glob("*")) == before
    if part != "*.erasures":
        with pytest.raises(StoreError, match="nothing is released without it"):
            released(prepared).check(5, RELEASED)


@pytest.mark.parametrize("part", ["all", "*.erasures", "*.released-*", "*.released-5"])
def test_the_guard_of_a_store_that_was_not_restored_is_rebuilt_whole(
    setup: StoreSetup, prepared: PreparedStore, part: str
) -> None:
    """Erasures come from the tombstones and ledger lengths from the tally, and everything goes on."""
    (listed,) = prepared.erasures.read_after(0)
    lose(prepared, part)
    made = replace(setup, was_restored=False).prepare(prepared.settings)
    assert made.rebuild
    assert made.rebuild.describe().endswith("Releases continue. Leave --restored out from now on.")
    last = made.erasures.last_number()
    assert made.erasures.read_after(last - 1)[0].closed_until_ms == listed.closed_until_ms
    for shard in range(made.header.target_shards):
        released(made).check(shard, RELEASED)
        with pytest.raises(StoreError, match="would draw them again"):
            released(made).check(shard, RELEASED - 1)
    setup.prepare(prepared.settings)


def test_a_clock_that_is_behind_makes_no_listed_erasure_look_old(
    store: Store, setup: StoreSetup, prepared: PreparedStore
) -> None:
    """A record is kept as long as backups are, by its time: that is not before the latest time believed."""
    believed_ms = clock_ms() + MS_PER_DAY
    store.root.set(CLOCK_ANCHOR, msgspec.json.encode(Anchor(believed_ms, "a boot", 0)))
    lose(prepared, "*.erasures")
    made = replace(setup, was_restored=False).prepare(prepared.settings)
    assert made.erasures.oldest_ms() == believed_ms


def test_nothing_is_released_from_a_restored_store_without_its_guard(
    setup: StoreSetup, prepared: PreparedStore
) -> None:
    """Published releases may be missing from it: no length is right any more, also at later starts.

    What it knows to be erased is listed, so that it stays erased.
    """
    (listed,) = prepared.erasures.read_after(0)
    lose(prepared, "all")
    rebuild = replace(setup, was_restored=True).prepare(prepared.settings).rebuild
    assert rebuild
    assert rebuild.describe() == (
        "The rollback guard was rebuilt from the store. Erasures that the store knows, and that are listed "
        "now: 1. Repeat the erasures, objections, opt-outs and bans since the backup. Nothing is released "
        "from this store any more: releases continue in a new store only. Leave --restored out from now on."
    )
    made = setup.prepare(prepared.settings)
    assert made.rebuild is None
    rebuilt = made.erasures.read_after(made.erasures.last_number() - 1)[0]
    assert rebuilt.closed_until_ms == listed.closed_until_ms
    for shard in range(made.header.target_shards):
        for length in (0, RELEASED, 10**9):
            with pytest.raises(StoreError, match="restored after its rollback guard was lost"):
                released(made).check(shard, length)
            with pytest.raises(StoreError, match="restored after its rollback guard was lost"):
                released(made).advance(shard, length)


def test_what_is_left_of_a_guard_stays_in_force(setup: StoreSetup, prepared: PreparedStore) -> None:
    """A restored store keeps the ledger lengths that are still there, and releases where they are kept."""
    lose(prepared, "*.released-5")
    made = replace(setup, was_restored=True).prepare(prepared.settings)
    assert made.rebuild
    assert "The list of erasures was whole." in made.rebuild.describe()
    assert "any more from 1 of its 8 target shards" in made.rebuild.describe()
    with pytest.raises(StoreError, match="restored after"):
        released(made).check(5, RELEASED)
    with pytest.raises(StoreError, match="would draw them again"):
        released(made).check(4, RELEASED - 1)
    released(made).check(4, RELEASED)


@pytest.mark.parametrize("answer", [True, False])
def test_an_answer_that_nobody_asked_for_is_refused(
    setup: StoreSetup, prepared: PreparedStore, *, answer: bool
) -> None:
    """An option that stays in a service file would answer the next loss, too."""
    with pytest.raises(StoreError, match="is whole: leave the option out"):
        replace(setup, was_restored=answer).prepare(prepared.settings)


@pytest.mark.parametrize("answer", [None, False, True])
def test_the_guard_of_another_store_is_not_used(
    setup: StoreSetup, prepared: PreparedStore, answer: bool | None
) -> None:
    """A wrong folder is no lost guard: no answer makes it this store's."""
    for path in setup.rollback_guard_dir.iterdir():
        path.rename(path.with_name(path.name.replace(prepared.header.store_id, "1" * 32)))
    before = sorted(setup.rollback_guard_dir.iterdir())
    with pytest.raises(StoreError, match="holds the records of another store"):
        replace(setup, was_restored=answer).prepare(prepared.settings)
    assert sorted(setup.rollback_guard_dir.iterdir()) == before


@pytest.mark.parametrize("content", [b"", b"many\n", b"-1\n", b"\xff", b"1", b"unknown", b"2 00000000\n"])
def test_a_damaged_length_is_as_a_lost_one(
    setup: StoreSetup, prepared: PreparedStore, content: bytes
) -> None:
    """Nothing is guessed from half a number."""
    path = setup.rollback_guard_dir / f"{prepared.header.store_id}.released-2"
    path.write_bytes(content)
    with pytest.raises(StoreError, match="missing or damaged"):
        setup.prepare(prepared.settings)
    replace(setup, was_restored=False).prepare(prepared.settings)
    released(prepared).check(2, RELEASED)


def test_a_length_cut_anywhere_or_with_another_digit_is_damaged(prepared: PreparedStore) -> None:
    """A smaller number would allow draws that readers have seen to be drawn again."""
    path = prepared.erasures.folder / f"{prepared.header.store_id}.released-2"
    released(prepared).advance(2, 18)
    whole = path.read_bytes()
    other = path.with_name(path.name.replace("-2", "-3")).read_bytes()
    wrong = [whole[:size] for size in range(len(whole))]
    for content in (*wrong, whole.replace(b"18 ", b"10 "), whole.replace(b"18 ", b"8 "), other):
        path.write_bytes(content)
        with pytest.raises(StoreError, match=r"missing or damaged.*--restored no"):
            released(prepared).check(2, 18)
        with pytest.raises(StoreError, match="missing or damaged"):
            released(prepared).advance(2, 19)
    path.write_bytes(whole)
    released(prepared).check(2, 18)


@pytest.mark.parametrize(("content", "match"), [(b"18\n", "would draw them"), (b"unknown\n", "was restored")])
def test_a_length_without_a_check_value_is_read(prepared: PreparedStore, content: bytes, match: str) -> None:
    """Older versions wrote none; the next length has one."""
    path = prepared.erasures.folder / f"{prepared.header.store_id}.released-2"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=match):
        released(prepared).check(2, 17)
    if content == b"18\n":
        released(prepared).check(2, 18)
        released(prepared).advance(2, 19)
        assert len(path.read_bytes().split()) == 2


def test_a_length_that_was_rebuilt_meanwhile_is_never_lowered(prepared: PreparedStore) -> None:
    """Two answers at once: the later one lowers no length, and makes no unknown one known."""
    lose(prepared, "*.released-5")
    released(prepared).rebuild(5, RELEASED)
    released(prepared).advance(5, RELEASED + 1)
    released(prepared).rebuild(5, RELEASED)
    released(prepared).check(5, RELEASED + 1)
    with pytest.raises(StoreError, match="would draw them again"):
        released(prepared).check(5, RELEASED)
    released(prepared).rebuild(5, None)
    released(prepared).rebuild(5, RELEASED)
    with pytest.raises(StoreError, match="restored after"):
        released(prepared).check(5, RELEASED + 1)


def test_an_erasure_log_that_was_rebuilt_meanwhile_stays(store: Store, prepared: PreparedStore) -> None:
    """Two answers at once: the later one drops nothing that was recorded since, which a backup may need."""
    lose(prepared, "*.erasures")
    rebuild = ErasureLogRebuild(
        ErasureWatermark(store.admin, prepared.erasures), prepared.header.account_shards
    )
    assert rebuild.run(clock_ms()) == 1
    rebuilt = prepared.erasures.last_number()
    erase(store, prepared, "a-2")
    assert rebuild.run(clock_ms()) == 0
    assert [record.number for record in prepared.erasures.read_after(rebuilt)] == [rebuilt + 1]


def test_damage_in_the_middle_of_the_erasure_log_is_found_at_the_next_start(
    setup: StoreSetup, prepared: PreparedStore, store: Store
) -> None:
    """While the store still knows what was there; after a restore, it would be too late."""
    erase(store, prepared, "a-2")
    listed = {record.tombstone for record in prepared.erasures.read_after(0)}
    path = prepared.erasures.path
    header, first, *rest = path.read_text().splitlines()
    path.write_text("\n".join([header, first.replace(first[-20], "x", 1), *rest, ""]))
    prepared.erasures.require_at_least(2)
    with pytest.raises(StoreError, match=r"is damaged; .*--restored no"):
        setup.prepare(prepared.settings)
    made = replace(setup, was_restored=False).prepare(prepared.settings)
    assert {
        record.tombstone for record in made.erasures.read_after(made.erasures.last_number() - 2)
    } == listed


def test_an_old_erasure_log_is_replaced_where_the_store_is_the_newest(
    setup: StoreSetup, prepared: PreparedStore, store: Store
) -> None:
    """A guard that was put back from a backup ends before the store's watermark."""
    old = prepared.erasures.path.read_bytes()
    erase(store, prepared, "a-2")
    prepared.erasures.path.write_bytes(old)
    with pytest.raises(StoreError, match="ends with 1, and the store knows of 2"):
        setup.prepare(prepared.settings)
    made = replace(setup, was_restored=False).prepare(prepared.settings)
    assert len(made.erasures.read_after(made.erasures.last_number() - 2)) == 2
