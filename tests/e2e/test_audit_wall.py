"""The wall shown: it stands on a real store, and each kind of hole is found."""

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from privacy.audit.check import ignore_progress
from privacy.audit.report_model import Section
from privacy.audit.wall_code import PROJECT, code_section, copied_files, image_section
from privacy.audit.wall_commands import key_families, redis_commands
from privacy.audit.wall_list import WallList
from privacy.audit.wall_private_server import private_server_section
from privacy.audit.wall_store import store_section
from privacy.embedded.rooms import EmbeddedRooms
from privacy.store import keys
from privacy.store.acl import Grant, Room
from privacy.store.connect import connect
from privacy.store.settings import StoreSettings
from privacy.store.users import LIMITER, PUBLIC, USERS
from tests.support.dockerfile import ROOT, copy_files
from tests.support.redis_commands import TABLE, known_commands
from tests.support.redis_server import ROOT as SUPERUSER
from tests.support.redis_server import Store

WALL = WallList.read(PROJECT / "pyproject.toml")


def broken(section: Section) -> list[str]:
    """Return what did not hold."""
    return [finding.what for finding in section.findings if not finding.passed]


def test_the_table_of_commands_is_this_redis(store: Store) -> None:
    """Every command that the server knows is tried; `tests.support.redis_commands` writes the table again."""
    assert json.loads(TABLE.read_text()) == known_commands(store.root)
    version, commands = redis_commands()
    assert version.startswith("8.")
    assert len(commands) > 350


def test_every_pattern_of_the_users_is_tried(store: Store) -> None:
    """There is a key for each family that any user's grant names."""
    tried = [family.key for family in key_families()]
    for prefix in ("v:", "t:", "p:", "g:", "l:platform:", "l:public:", keys.STORE_HEADER, keys.POLICIES):
        assert any(key.startswith(prefix) for key in tried), prefix
    assert store.root.dbsize() == 0


def test_the_wall_stands_and_nothing_is_touched(store: Store) -> None:
    """All is refused but the declared reads, and the store is as it was."""
    store.root.set(keys.tally_key(0, "x"), "1")
    before = store.root.dbsize()
    section = store_section(store.public, ignore_progress)
    assert broken(section) == []
    assert len(section.findings) > 300
    assert store.root.dbsize() == before
    reads = next(f for f in section.findings if f.what == "hash commands on gallery: releases")
    assert "3 answered as declared" in reads.found


@pytest.mark.parametrize(
    ("hole", "found"),
    [
        (Grant(("t:*",), ("get",)), "string commands on tally: ledger"),
        (Grant((keys.VAULT_KEYS,), ("hgetall",)), "hash commands on vault: registers"),
        (Grant(("g:*",), ("set",)), "string commands on gallery: metadata"),
        (Grant(("l:*",), ("incrby",)), "string commands on platform plane: rate limits"),
        (Grant((keys.POLICIES,), ("hget",)), "hash commands on policies"),
    ],
)
def test_a_grant_too_many_is_found(hole: Grant, found: str, store: Store) -> None:
    """One command on one family of keys is enough."""
    widened = replace(PUBLIC, grants=(*PUBLIC.grants, hole))
    _set_rules(store, widened.rules)
    try:
        assert found in broken(store_section(store.public, ignore_progress))
    finally:
        _set_rules(store, PUBLIC.rules)


@pytest.mark.parametrize(
    "command", ["scan", "keys", "dbsize", "monitor", "multi", "info", "flushall", "shutdown"]
)
def test_a_keyless_command_too_many_is_found(command: str, store: Store) -> None:
    """Even where it would do harm: the server is alive, and its data are there."""
    store.root.set("v:{a0}:kept", "1")
    _set_rules(
        store, (*PUBLIC.rules, f"+{command}", "~*" if command in {"scan", "keys"} else "resetchannels")
    )
    try:
        section = store_section(store.public, ignore_progress)
        assert any(command.upper() in finding.found for finding in section.findings if not finding.passed)
        assert store.root.get("v:{a0}:kept") == b"1"
    finally:
        _set_rules(store, PUBLIC.rules)


def test_another_users_password_is_found(store: Store) -> None:
    """A deployment that gave two users one password would let the public plane be the other one."""
    with closing(connect(store.settings, PUBLIC)) as client:
        _set_rules(store, (f">{store.settings.password(PUBLIC)}",), LIMITER.name)
        assert broken(store_section(client, ignore_progress)) == ["AUTH as `limiter`"]
        _set_rules(store, (f"<{store.settings.password(PUBLIC)}",), LIMITER.name)
    assert {user.name for user in USERS} >= {"limiter", "signer"}


def test_the_public_password_is_worth_nothing_at_the_private_room(tmp_path: Path) -> None:
    """No user of the gallery has that password, unless a deployment has given it to one."""
    with EmbeddedRooms(tmp_path, users=(*USERS, SUPERUSER)) as rooms:
        section = private_server_section(rooms.settings, ignore_progress)
        assert section
        assert (len(section.findings), broken(section)) == (len(USERS), [])
        with closing(connect(rooms.settings, SUPERUSER, Room.PRIVATE)) as root:
            root.acl_setuser("relay", enabled=True, passwords=f"+{rooms.settings.password(PUBLIC)}")
        section = private_server_section(rooms.settings, ignore_progress)
        assert section
        assert broken(section) == ["login as `relay`"]


def test_rooms_on_one_server_are_not_apart(store: Store) -> None:
    """Then there is nothing to try, nor where a reviewer knows the gallery's address alone."""
    assert private_server_section(store.settings, ignore_progress) is None
    gallery = StoreSettings({Room.GALLERY: "redis://g:1"}, store.settings.passwords)
    assert private_server_section(gallery, ignore_progress) is None


def test_the_code_keeps_to_its_side() -> None:
    """Nothing private is loaded, and all import contracts are kept."""
    section = code_section(WALL)
    assert broken(section) == []
    assert sum(finding.what.startswith("contract: ") for finding in section.findings) >= 7


def test_a_module_that_is_not_listed_is_found() -> None:
    """What the plane loads anyway, were it not on the list, would show."""
    smaller = replace(WALL, packages=WALL.packages - {"privacy.gallery"})
    assert broken(code_section(smaller)) == ["privacy.gallery in a public plane's process"]


def test_a_private_distribution_that_is_loaded_is_found() -> None:
    """What the plane's code loads anyway, were it private, would show."""
    stricter = replace(
        WALL,
        distributions=WALL.distributions - {"marshmallow"},
        private_distributions=WALL.private_distributions | {"marshmallow"},
    )
    assert broken(code_section(stricter)) == ["marshmallow in a public plane's process"]
    section = image_section(stricter)
    assert section
    assert broken(section) == ["marshmallow installed in the image"]


def test_the_image_holds_nothing_private(tmp_path: Path) -> None:
    """Its COPY lines are followed as Docker would, and its packages are those of its part of the lock."""
    section = image_section(WALL)
    assert section
    assert broken(section) == []
    dockerfile = ROOT / "docker" / "public.Dockerfile"
    copied = {path for path in copy_files(dockerfile, tmp_path) if path.suffix == ".py"}
    assert {path for path in copied_files(dockerfile, ROOT) if path.suffix == ".py"} == copied
    assert image_section(WALL, tmp_path) is None


def test_a_private_file_in_the_image_is_found(tmp_path: Path) -> None:
    """One COPY line too many."""
    (tmp_path / "docker").mkdir()
    for name in ("api", "privacy", "requirements.lock", "pyproject.toml"):
        (tmp_path / name).symlink_to(ROOT / name)
    for name in ("public.Dockerfile", "lock_subset.py"):
        text = (ROOT / "docker" / name).read_text()
        (tmp_path / "docker" / name).write_text(text)
    dockerfile = tmp_path / "docker" / "public.Dockerfile"
    dockerfile.write_text(dockerfile.read_text() + "\nCOPY privacy/vault/ privacy/vault/\n")
    section = image_section(WALL, tmp_path)
    assert section
    assert broken(section) == ["privacy.vault copied into the image"]


def _set_rules(store: Store, rules: tuple[str, ...], name: str = PUBLIC.name) -> None:
    """Change a user of the running server; the rules of a whole user start from nothing."""
    reset = ("clearselectors", "resetkeys") if rules and rules[0] == "-@all" else ()
    store.root.execute_command("ACL", "SETUSER", name, *reset, *rules)  # type: ignore[no-untyped-call]
