"""Checks of a deployment against a real Redis: each finds what it is for."""

import os
from contextlib import closing
from pathlib import Path

import pytest

from privacy.errors import StoreError
from privacy.store.checks import (
    CheckResult,
    check_clock,
    check_header,
    check_private_file,
    check_server,
    check_version,
    require,
)
from privacy.store.connect import connect
from privacy.store.header import StoreHeader
from privacy.store.users import USERS
from privacy.store.wall_checks import check_users, check_wall
from tests.support.redis_server import ROOT, Store


def server_time_ms(store: Store) -> int:
    """Return the server's own time."""
    seconds, microseconds = store.root.time()
    return seconds * 1000 + microseconds // 1000


def faults(findings: list[CheckResult]) -> list[str]:
    """Return the names of what is not ok."""
    return [finding.name for finding in findings if not finding.ok]


def test_the_embedded_server_passes_every_check(store: Store) -> None:
    """What the product starts itself is fit for it, and every private user may ask."""
    for client in (store.platform, store.relay, store.release, store.admin):
        findings = check_server(client, lambda: server_time_ms(store))
        assert not faults(findings)
        require(findings)


@pytest.mark.parametrize(
    ("name", "unsafe", "safe"),
    [
        ("appendfsync", "everysec", "always"),
        ("appendonly", "no", "yes"),
        ("no-appendfsync-on-rewrite", "yes", "no"),
        ("aof-load-truncated", "yes", "no"),
        ("maxmemory-policy", "allkeys-lru", "noeviction"),
    ],
)
def test_a_server_that_may_lose_data_is_refused(store: Store, name: str, unsafe: str, safe: str) -> None:
    """Each setting that lets an acknowledged write disappear is found, by name and with the right value."""
    store.root.config_set(name, unsafe)
    try:
        findings = check_server(store.platform, lambda: server_time_ms(store))
    finally:
        store.root.config_set(name, safe)
    assert faults(findings) == [name]
    with pytest.raises(StoreError, match=f"{name}: is {unsafe}; must be {safe}"):
        require(findings)


@pytest.mark.parametrize(("skew_ms", "ok"), [(0, True), (-1_900, True), (-60_000, False), (60_000, False)])
def test_a_clock_that_differs_is_found(store: Store, skew_ms: int, *, ok: bool) -> None:
    """Ahead or behind by more than two seconds is a fault."""
    finding = check_clock(store.platform, lambda: server_time_ms(store) + skew_ms)
    assert finding.ok == ok


def test_a_slow_answer_is_no_skew(store: Store) -> None:
    """An answer that took a minute says nothing against a clock that agrees with it."""
    times = iter([server_time_ms(store) - 30_000, server_time_ms(store) + 30_000])
    assert check_clock(store.platform, lambda: next(times)).ok


@pytest.mark.parametrize(
    ("version", "ok"), [("7.2.0", True), ("10.0.1", True), ("7.0.15", False), ("6.2", False), ("?", False)]
)
def test_an_old_server_is_found(store: Store, version: str, *, ok: bool) -> None:
    """7.2 is the oldest version that will do, and 10 is newer than 7."""
    with closing(connect(store.settings, ROOT)) as client:
        client.set_response_callback("HELLO", lambda *_: [b"server", b"redis", b"version", version.encode()])
        assert check_version(client).ok == ok


def test_the_header_is_compared_with_the_expected_counts(store: Store) -> None:
    """A store that is missing, or split otherwise, is a fault; the right one is not."""
    assert not check_header(store.admin, 8, 8).ok
    StoreHeader.create_or_verify(store.admin, os.urandom)
    assert check_header(store.admin, 8, 8).ok
    assert not check_header(store.admin, 8, 4).ok


def test_a_key_file_that_others_may_read_is_found(tmp_path: Path) -> None:
    """The rights of a key file are part of a deployment's health."""
    path = tmp_path / "key"
    assert not check_private_file(path).ok
    path.touch(0o600)
    assert check_private_file(path).ok
    path.chmod(0o644)
    assert not check_private_file(path).ok


def test_users_as_declared_pass(store: Store) -> None:
    """The ACL of the embedded server is the declared one, but for the tests' own superuser."""
    findings = check_users(store.admin, USERS)
    assert {finding.name for finding in findings} == {f"user {user.name}" for user in (*USERS, ROOT)} | {
        "user default"
    }
    assert faults(findings) == [f"user {ROOT.name}"]


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("public", "+keys"),
        ("public", "+@all"),
        ("public", "-get"),
        ("public", "~v:*"),
        ("public", "allchannels"),
        ("public", "nopass"),
        ("public", "(~v:* +get)"),
        ("public", "off"),
        ("public", "clearselectors"),
        ("default", "on"),
    ],
)
def test_a_user_changed_on_the_server_is_found(store: Store, name: str, change: str) -> None:
    """One more right, one less, no password: any difference from the declaration is a fault."""
    store.root.execute_command("ACL", "SETUSER", name, change)  # type: ignore[no-untyped-call]  # redis-py
    try:
        found = faults(check_users(store.admin, (*USERS, ROOT)))
    finally:
        store.root.acl_load()
    assert found == [f"user {name}"]
    assert not faults(check_users(store.admin, (*USERS, ROOT)))


def test_the_wall_stands_for_the_public_user_only(store: Store) -> None:
    """The public credential fails at every probe; any stronger one is told apart from it."""
    assert not faults(check_wall(store.public))
    for client in (store.platform, store.relay, store.release, store.publisher, store.admin):
        assert faults(check_wall(client))
    assert len(faults(check_wall(store.root))) == len(check_wall(store.root))


def test_asking_for_the_wall_changes_nothing(store: Store) -> None:
    """The probes are harmless even where they are allowed."""
    store.root.set("g:release:x", "document")
    before = store.root.keys()
    check_wall(store.root)
    assert store.root.keys() == before
