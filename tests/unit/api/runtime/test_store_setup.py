"""Setting a store up: its rooms belong together, and a room that lost its data is not filled again."""

import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from api.http.system import clock_ms
from api.runtime.policy_source import read_policy
from api.runtime.release import make_ledger_signer
from api.runtime.store_keys import KeyFiles
from api.runtime.store_setup import ONE_SHARD, StoreSetup
from privacy.catalogue.catalogue import Catalogue, TargetMetadata
from privacy.errors import PolicyError, StoreError
from privacy.gallery.reader import GalleryReader
from privacy.gallery.target_index import TargetIndex
from privacy.maintenance.key_rotation import KeyRotation
from privacy.maintenance.throttle import Throttle
from privacy.model.documents import CURRENT_VERSION
from privacy.model.engagement import TargetType
from privacy.policy.file import DEFAULT_POLICY_PATH
from privacy.publishing.publisher import Publisher
from privacy.rollback.guard import RollbackGuard
from privacy.signing import signing_key_file
from privacy.signing.signing_key_file import create_ledger_key, load_store_signing_key, rotate_ledger_key
from privacy.store import credentials
from privacy.store.connect import connect
from privacy.store.header import StoreHeader
from privacy.store.keys import GALLERY_HEADER, POLICIES, STORE_HEADER, VIDEO_LISTS, outer_key_key
from privacy.store.video_lists import VideoList
from privacy.vault import pseudonym_key_file
from privacy.vault.pseudonym_key_file import begin_rotation, create_key_file, end_rotation, load_store_keys
from privacy.vault.shards import AccountShards, PseudonymKeys
from tests.support.cli_policy import SMALL_POLICY
from tests.support.faults import Crash, Fault, every_fault
from tests.support.redis_server import Store
from tests.support.registers import HEADER
from tests.support.stepped_redis import SteppedRedis


@pytest.fixture
def setup(tmp_path: Path) -> StoreSetup:
    """Sets a store up with a small policy, which is computed quickly."""
    (tmp_path / "policy.toml").write_text(SMALL_POLICY)
    return StoreSetup(
        read_policy(tmp_path / "policy.toml"),
        KeyFiles(tmp_path / "pseudonym.key", tmp_path / "ledger.key"),
        tmp_path / "rollback-guard",
        clock_ms,
        os.urandom,
    )


def test_setting_up_again_changes_nothing(store: Store, setup: StoreSetup) -> None:
    """The second time finds the same store, with one id in both rooms."""
    first, second = setup.prepare(store.settings), setup.prepare(store.settings)
    assert (first.is_new, second.is_new) == (True, False)
    assert second.header == first.header
    ids = {store.root.hget(key, "store_id") for key in (STORE_HEADER, GALLERY_HEADER)}
    assert ids == {first.header.store_id.encode()}


def test_the_videos_of_an_older_store_are_listed(store: Store, setup: StoreSetup) -> None:
    """Once, by the setup: a store from before has no lists. Canaries are in none."""
    prepared = setup.prepare(store.settings)
    publisher = Publisher(store.publisher)
    shards, policy = prepared.header.target_shards, setup.source.policy
    catalogue = Catalogue(store.platform, shards, policy, publisher.publish_targets)
    videos = [
        TargetMetadata(TargetType.VIDEO, name, clock_ms(), hashtags=("fog",))
        for name in ("v-1", "v-2", "sandbox:v-3")
    ]
    catalogue.register(videos, clock_ms())
    index = TargetIndex(store.public)
    lists = (VideoList.of_all(), VideoList.of_hashtag("fog"))
    for present in (2, 0):
        setup.prepare(store.settings)
        assert [index.count(videos) for videos in lists] == [present, present]
        store.root.delete(*(videos.key for videos in lists))
    store.root.delete(VIDEO_LISTS)
    setup.prepare(store.settings)
    assert [index.count(videos) for videos in lists] == [2, 2]


@pytest.mark.parametrize(
    ("lost", "message"),
    [
        ((GALLERY_HEADER,), "the private room is in use, but the gallery is empty"),
        ((STORE_HEADER, POLICIES), "the gallery is in use, but the private room is empty"),
    ],
)
def test_a_room_that_lost_its_data_is_not_made_anew(
    store: Store, setup: StoreSetup, lost: tuple[str, ...], message: str
) -> None:
    """One of two servers came up empty: nothing is written, and the operator is told which."""
    setup.prepare(store.settings)
    store.root.delete(*lost)
    with pytest.raises(StoreError, match=message):
        setup.prepare(store.settings)
    assert not any(store.root.exists(key) for key in lost)


def test_the_packaged_policy_replaces_another_one_only_by_name(store: Store, setup: StoreSetup) -> None:
    """Setting up again without naming a policy does not put the packaged one in force over another."""
    setup.prepare(store.settings)
    with pytest.raises(PolicyError, match=r"Name the file of the one to be in force with --policy"):
        replace(setup, source=read_policy(None)).prepare(store.settings)
    named = replace(setup, source=read_policy(DEFAULT_POLICY_PATH)).prepare(store.settings)
    assert named.registry.current.version == read_policy(None).policy.version


def test_an_older_guarantee_states_the_daily_cap_in_force(
    store: Store, setup: StoreSetup, tmp_path: Path
) -> None:
    """Its targets stay bound to it, but M bounds accounts: the M of the new version holds for them, too."""
    setup.prepare(store.settings)
    file = tmp_path / "next.toml"
    file.write_text(SMALL_POLICY.replace('"small"', '"next"').replace("daily_cap = 5\n", "daily_cap = 500\n"))
    replace(setup, source=read_policy(file)).prepare(store.settings)
    reader = GalleryReader(store.public)
    old, new = (reader.read_guarantee(version) for version in ("small", "next"))
    assert old
    assert new == reader.read_guarantee(CURRENT_VERSION)
    assert old["contribution"]["daily_cap"] == 5
    assert old["contribution"]["in_force"] == {"version": "next", "daily_cap": 500, "monthly_cap": None}
    assert old["kinds"]["like"]["account_day"][-1]["engagements"] == 500


def test_a_policy_that_the_mechanism_cannot_do_is_not_registered(
    store: Store, setup: StoreSetup, tmp_path: Path
) -> None:
    """Its guarantee is computed first: no target is ever bound to a policy without one."""
    file = tmp_path / "impossible.toml"
    file.write_text(SMALL_POLICY.replace('"power-0.6"', '"magic"').replace('"small"', '"impossible"'))
    with pytest.raises(PolicyError, match="factorisation"):
        replace(setup, source=read_policy(file)).prepare(store.settings)
    assert store.root.dbsize() == 0


def test_rooms_of_two_stores_are_refused(store: Store, setup: StoreSetup) -> None:
    """An address that leads to another deployment's gallery is found out before anything is written."""
    setup.prepare(store.settings)
    store.root.hset(GALLERY_HEADER, "store_id", "0" * 32)
    with pytest.raises(StoreError, match="belong to two stores"):
        setup.prepare(store.settings)


def test_a_setup_that_was_killed_is_continued_by_another(store: Store, setup: StoreSetup) -> None:
    """Between private header and gallery header there is no policy yet: the next one goes on."""
    prepared = setup.prepare(store.settings)
    store.root.delete(GALLERY_HEADER, POLICIES)
    again = setup.prepare(store.settings)
    assert again.header == prepared.header
    assert store.root.hget(GALLERY_HEADER, "store_id") == prepared.header.store_id.encode()


def test_a_setup_that_was_killed_before_its_end_lets_no_process_work(store: Store, setup: StoreSetup) -> None:
    """Until the key files name the store, they open none: what came in could be set up over again."""
    header = setup.prepare(store.settings).header
    setup.key_files.pseudonym.write_text(unnamed(setup.key_files.pseudonym))
    with pytest.raises(StoreError, match="was not set up to its end"):
        load_store_keys(setup.key_files.pseudonym, header)
    setup.prepare(store.settings)
    assert load_store_keys(setup.key_files.pseudonym, header).fingerprint == fingerprint_of(header)


@pytest.mark.parametrize("which", ["pseudonym", "ledger"])
@pytest.mark.parametrize("is_named", [True, False])
def test_a_key_of_another_store_is_refused(
    store: Store, setup: StoreSetup, which: str, *, is_named: bool, tmp_path: Path
) -> None:
    """It does not open this one, whether or not its file says whose it is; the right one still does."""
    setup.prepare(store.settings)
    path: Path = getattr(setup.key_files, which)
    right = path.read_text()
    other = tmp_path / "other"
    {"pseudonym": create_key_file, "ledger": create_ledger_key}[which](other, os.urandom)
    if is_named:
        {"pseudonym": pseudonym_key_file, "ledger": signing_key_file}[which].FILES.name_store(other, "1" * 32)
    path.write_text(other.read_text())
    with pytest.raises(StoreError, match=f"{path} holds the key of another store: put the key file"):
        setup.prepare(store.settings)
    path.write_text(right)
    setup.prepare(store.settings)


@pytest.mark.parametrize("lost", ["pseudonym", "ledger"])
def test_a_store_in_use_gets_no_new_key(store: Store, setup: StoreSetup, lost: str) -> None:
    """A key that is missing is not made again: it is said where it was, and nothing is written."""
    setup.prepare(store.settings)
    path: Path = getattr(setup.key_files, lost)
    path.unlink()
    with pytest.raises(StoreError, match=f"is not at {path}: put it back"):
        setup.prepare(store.settings)
    assert not path.exists()


@pytest.mark.parametrize("kept", ["pseudonym.key", "ledger.key", "rollback-guard"])
def test_an_empty_store_is_not_founded_with_what_belongs_to_another(
    store: Store, setup: StoreSetup, kept: str, tmp_path: Path
) -> None:
    """One key or the guard is enough to know that a disk is lost; without them it is a new store."""
    setup.prepare(store.settings)
    store.flush()
    belongings = ("pseudonym.key", "ledger.key", "rollback-guard")
    for name in belongings:
        if name != kept:
            (tmp_path / name).rename(tmp_path / f"{name}.away")
    with pytest.raises(StoreError, match=f"the store is empty, but .*{tmp_path / kept}"):
        setup.prepare(store.settings)
    assert not store.root.dbsize()
    (tmp_path / kept).rename(tmp_path / f"{kept}.away")
    assert setup.prepare(store.settings).is_new


def test_one_ledger_key_never_signs_two_ledgers(store: Store, setup: StoreSetup, tmp_path: Path) -> None:
    """The key of a store is refused by the signer of another one, at every run."""
    setup.prepare(store.settings)
    other = replace(HEADER, keys=StoreHeader.read(store.admin).keys)
    signer = make_ledger_signer(store.settings, other, tmp_path / "ledger.key")
    with pytest.raises(StoreError, match="holds the key of another store"):
        signer.run(0)
    assert store.root.get("g:jwks") is None


def test_a_rotated_ledger_key_is_still_the_stores(store: Store, setup: StoreSetup) -> None:
    """The key that was there at the founding is among the former ones; without it, the file is another's."""
    prepared = setup.prepare(store.settings)
    rotate_ledger_key(setup.key_files.ledger, os.urandom)
    setup.prepare(store.settings)
    assert load_store_signing_key(setup.key_files.ledger, prepared.header).former
    content = json.loads(setup.key_files.ledger.read_text()) | {"former": []}
    del content["check"]
    setup.key_files.ledger.write_text(json.dumps(content))
    with pytest.raises(StoreError, match="another store"):
        setup.prepare(store.settings)


def test_a_lost_ledger_key_is_replaced_by_hand(store: Store, setup: StoreSetup) -> None:
    """A new file with the published keys among the former ones becomes the store's at the next start."""
    header, path = setup.prepare(store.settings).header, setup.key_files.ledger
    published = load_store_signing_key(path, header).public_keys
    path.unlink()
    content = {"private": os.urandom(32).hex(), "former": [key.x for key in published.keys]}
    credentials.write_private(path, json.dumps(content))
    setup.prepare(store.settings)
    assert load_store_signing_key(path, header).former == published.keys


def test_every_shard_knows_its_key_from_the_founding_on(store: Store, setup: StoreSetup) -> None:
    """A caller under another key is refused by the shard itself; a shard that lost its key is named."""
    prepared = setup.prepare(store.settings)
    for shard in range(prepared.header.account_shards):
        assert store.root.get(outer_key_key(shard)) == prepared.keys.current.key_id
    store.root.delete(outer_key_key(3))
    with pytest.raises(StoreError, match="account shard 3 has lost its data"):
        setup.prepare(store.settings)


def test_a_key_file_from_before_a_rotation_is_refused(store: Store, setup: StoreSetup) -> None:
    """The store is kept under the newer key; amid a rotation, both are right."""
    prepared, path = setup.prepare(store.settings), setup.key_files.pseudonym
    older = path.read_text()
    rotated = begin_rotation(path, os.urandom)
    setup.prepare(store.settings)
    keys = PseudonymKeys(partial(load_store_keys, path, prepared.header))
    shards = AccountShards(store.rekeyer, keys, prepared.header.account_shards)
    KeyRotation(shards, Throttle.disabled()).run(lambda _count: None)
    setup.prepare(store.settings)
    end_rotation(path, rotated)
    setup.prepare(store.settings)
    path.write_text(older)
    with pytest.raises(StoreError, match="kept under another pseudonym key"):
        setup.prepare(store.settings)


def test_a_setup_that_is_killed_at_any_step_is_continued(
    store: Store, setup: StoreSetup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before or after any store call and any file, it is the same store in the end, set up once."""
    real_sync = credentials.sync_folder
    # The order of steps is what counts here, and fsync would take most of the time.
    monkeypatch.setattr("api.runtime.store_setup.check_server", lambda *_: [])
    monkeypatch.setattr("os.fsync", lambda _descriptor: None)
    with store.without_fsync():
        for number, fault in enumerate(every_fault(Crash)):
            store.flush()
            folder = tmp_path / str(number)
            folder.mkdir()
            keys = KeyFiles(folder / "pseudonym.key", folder / "ledger.key")
            killed = replace(setup, key_files=keys, rollback_guard_dir=folder / "guard", new_shards=ONE_SHARD)
            with monkeypatch.context() as patch, suppress(Crash):
                patch.setattr("api.runtime.store_setup.connect", partial(connect_stepped, fault))
                patch.setattr(credentials, "sync_folder", partial(sync_stepped, fault, real_sync))
                killed.prepare(store.settings)
            begun = StoreHeader.find(store.admin)
            header = killed.prepare(store.settings).header
            assert begun in {None, header}
            assert load_store_keys(keys.pseudonym, header).fingerprint == fingerprint_of(header)
            load_store_signing_key(keys.ledger, header)
            guard = RollbackGuard(folder / "guard", header.store_id, header.target_shards)
            assert guard.find_fault(0) is None


def connect_stepped(fault: Fault, *arguments: Any) -> SteppedRedis:
    """Connect as the setup does, with a hook at every call."""
    return SteppedRedis(connect(*arguments), fault)


def sync_stepped(fault: Fault, sync: Callable[[Path], None], folder: Path) -> None:
    """Sync the folder of a file that was just written, with a hook."""
    fault(lambda: sync(folder))


def unnamed(path: Path) -> str:
    """The content of a key file before its store was set up to its end."""
    content = json.loads(path.read_text())
    return json.dumps({name: value for name, value in content.items() if name not in {"store", "check"}})


def fingerprint_of(header: StoreHeader) -> str:
    """The fingerprint of the pseudonym key in a header."""
    assert header.keys is not None
    return header.keys.pseudonym_key
