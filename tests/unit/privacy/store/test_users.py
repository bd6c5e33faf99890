"""The table of Redis users: what must hold whatever commands are added to it."""

from fnmatch import fnmatchcase

import pytest

from privacy.store.acl import AclUser, Grant, Room
from privacy.store.keys import GALLERY_HEADER, outbox_key, register_prefix, tally_key
from privacy.store.users import (
    ADMIN,
    LIMITER,
    MAINTENANCE,
    PLATFORM,
    PUBLIC,
    REKEYER,
    RELAY,
    RELEASE,
    SIGNER,
    USERS,
)

REACHES_PAST_ITS_KEYS = frozenset(
    (
        *("keys", "randomkey", "sort", "sort_ro", "dump", "copy", "move", "migrate", "restore"),
        *("eval", "eval_ro", "fcall", "fcall_ro", "function|load", "function|restore", "module|load"),
        *("monitor", "debug", "subscribe", "psubscribe", "client|tracking", "client|list", "slowlog|get"),
        *("flushall", "flushdb", "select", "swapdb", "shutdown", "replicaof", "psync", "sync"),
        *("config|set", "config|rewrite", "acl|setuser", "acl|deluser", "acl|load", "client|kill"),
        *("memory|usage", "object|encoding", "dbsize", "command"),
    )
)


def reaches(user: AclUser, key: str) -> bool:
    """Tell whether a user may do more with a key than name it to a script, which gets no rights by that."""
    return any(covers(grant, key) and grant.commands != ("evalsha",) for grant in user.grants)


def covers(grant: Grant, key: str) -> bool:
    """Tell whether a grant's patterns match a key."""
    return any(fnmatchcase(key, pattern) for pattern in grant.keys)


@pytest.mark.parametrize("user", USERS, ids=lambda user: user.name)
def test_no_user_has_a_command_that_reaches_past_its_keys(user: AclUser) -> None:
    """No list was ever made longer by a command that searches, scripts, watches or administers the server."""
    assert not REACHES_PAST_ITS_KEYS & {
        *user.keyless,
        *(word for grant in user.grants for word in grant.commands),
    }


@pytest.mark.parametrize("user", [PUBLIC, LIMITER], ids=lambda user: user.name)
def test_the_public_planes_passwords_run_no_script(user: AclUser) -> None:
    """A script may run without an end, and the gallery's server answers nobody meanwhile."""
    words = {*user.keyless, *(word for grant in user.grants for word in grant.commands)}
    assert not [word for word in words if word.startswith(("eval", "script", "fcall", "function"))]


def test_registers_are_opened_by_platform_and_maintenance_alone() -> None:
    """Only who takes events in, and who lets time pass, opens an account's hash; a rekeyer renames it."""
    register = register_prefix(0) + "0" * 16
    assert [user for user in USERS if reaches(user, register)] == [PLATFORM, MAINTENANCE, REKEYER]
    commands = {word for grant in REKEYER.grants if covers(grant, register) for word in grant.commands}
    assert commands == {"evalsha", "type", "rename"}


def test_two_users_alone_may_search() -> None:
    """Only the rekeyer and the maintenance worker see names of keys."""
    assert [user for user in USERS if "scan" in user.keyless] == [MAINTENANCE, REKEYER]


def test_maintenance_alone_looks_after_the_log() -> None:
    """Only the maintenance worker has the store's log rewritten; who scans asks which server answers."""
    assert [user for user in USERS if "bgrewriteaof" in user.keyless] == [MAINTENANCE]
    for command in ("scan", "info"):
        assert [user for user in USERS if command in user.keyless] == [MAINTENANCE, REKEYER]


def test_maintenance_reaches_no_exact_count() -> None:
    """Of the tally it reads where series stand, and drops logs and what canaries leave; it reads neither."""
    dropped = ("log", {"unlink"}), ("measured", {"unlink"})
    for name, commands in (("series", {"hmget", "hset", "unlink"}), *dropped, ("net", set())):
        key = f"{tally_key(0, name)}:7"
        found = {word for grant in MAINTENANCE.grants if covers(grant, key) for word in grant.commands}
        assert found == commands


def test_the_outbox_is_reached_by_platform_maintenance_and_relay_alone() -> None:
    """A process that measures or publishes never sees a single change."""
    assert [user for user in USERS if reaches(user, outbox_key(0))] == [PLATFORM, MAINTENANCE, RELAY]


def test_the_tally_is_out_of_the_gallery_users_reach() -> None:
    """Exact counts are seen by the private plane's three processes only; not even by the operator."""
    assert [user for user in USERS if reaches(user, tally_key(0, "x"))] == [PLATFORM, RELAY, RELEASE]


def test_the_public_user_reads_the_gallery_and_nothing_else() -> None:
    """Every key pattern of the public user lies in the gallery and is read-only."""
    assert all(grant.read_only for grant in PUBLIC.grants)
    assert {pattern for grant in PUBLIC.grants for pattern in grant.keys} == {"g:*"}
    assert reaches(PUBLIC, GALLERY_HEADER)


def test_the_public_planes_credentials_live_in_the_gallery_only() -> None:
    """On a server of its own, the vault does not even know the users that the public plane holds."""
    assert PUBLIC.rooms == LIMITER.rooms == (Room.GALLERY,)
    assert ADMIN.rooms == (Room.PRIVATE, Room.GALLERY)
    assert len({user.name for user in USERS}) == len(USERS)


def test_what_is_released_can_be_replaced_by_nobody() -> None:
    """No user may do anything to a release, its points or the ledger but read it and add to it."""
    for key in ("g:releases:{g3}:x:like", "g:points:{g3}:x:like", "g:ledger:3"):
        writers = [
            grant for user in USERS for grant in user.grants if not grant.read_only and covers(grant, key)
        ]
        # A script has its caller's rights: it can do no more to these keys than the commands can.
        assert sorted(grant.commands for grant in writers) == [("evalsha",), ("hget", "hsetnx")]


def test_the_signer_sees_what_is_published_anyway() -> None:
    """Of the tally it reads the ledger, whose entries are public; no count, no series, no measurement."""
    for name in ("series", "log", "net", "measured", "due", "ids", "pending", "head"):
        assert not reaches(SIGNER, tally_key(0, name))
        assert not reaches(SIGNER, tally_key(0, name, 7))
    assert reaches(SIGNER, tally_key(0, "ledger"))


def test_what_is_signed_can_be_replaced_by_nobody() -> None:
    """A node of a tree and a release's signature are written once."""
    for key in ("g:tree:3", "g:signatures:x:like"):
        writers = [
            grant for user in USERS for grant in user.grants if not grant.read_only and covers(grant, key)
        ]
        assert [grant.commands for grant in writers] == [("hget", "hmget", "hsetnx")]
