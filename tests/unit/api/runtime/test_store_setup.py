"""Setting a store up: its rooms belong together, and a room that lost its data is not filled again."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from api.http.system import clock_ms
from api.runtime.policy_source import read_policy
from api.runtime.store_setup import StoreSetup
from privacy.errors import PolicyError, StoreError
from privacy.gallery.reader import GalleryReader
from privacy.model.documents import CURRENT_VERSION
from privacy.policy.file import DEFAULT_POLICY_PATH
from privacy.store.keys import GALLERY_HEADER, POLICIES, STORE_HEADER
from tests.support.cli_policy import SMALL_POLICY
from tests.support.redis_server import Store


@pytest.fixture
def setup(tmp_path: Path) -> StoreSetup:
    """Sets a store up with a small policy, which is computed quickly."""
    (tmp_path / "policy.toml").write_text(SMALL_POLICY)
    return StoreSetup(
        read_policy(tmp_path / "policy.toml"),
        tmp_path / "pseudonym.key",
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
    assert old["contribution"]["in_force"] == {"version": "next", "daily_cap": 500}
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
