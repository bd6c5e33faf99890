"""The check of a user's rights on a real Redis, with an ACL that is older than the program."""

import pytest
import redis

from privacy.store.acl import AclUser
from privacy.store.connect import connect
from privacy.store.rights import check_rights
from privacy.store.users import HEALTH, PUBLIC, USERS
from tests.support.broken_calls import revoked
from tests.support.redis_server import Store

CHECKED = [user for user in USERS if user is not HEALTH]
"""The health check has no grants."""


def client_of(store: Store, user: AclUser) -> redis.Redis:
    """Return a client of a user."""
    return connect(store.settings, user)


@pytest.mark.parametrize("user", CHECKED, ids=lambda user: user.name)
def test_what_is_declared_is_allowed(store: Store, user: AclUser) -> None:
    """Under the ACL of this version every user may do what is declared, and asking changes nothing."""
    before = store.root.dbsize()
    finding = check_rights(client_of(store, user), user)
    assert finding.ok, finding.detail
    assert store.root.dbsize() == before


@pytest.mark.parametrize("user", CHECKED, ids=lambda user: user.name)
def test_any_missing_command_is_named(store: Store, user: AclUser) -> None:
    """An ACL that lacks one granted command, whichever it is, is found before anything is written."""
    client = client_of(store, user)
    for command in sorted({command for grant in user.grants for command in grant.commands}):
        with revoked(store, client, command):
            finding = check_rights(client, user)
        assert not finding.ok
        assert command.replace("|", " ") in finding.detail
        assert "ACL file" in finding.detail


def test_a_key_that_is_not_granted_is_named(store: Store) -> None:
    """A command is checked on every family of keys that it is granted for."""
    users = [user for user in USERS if user.name == "publisher"]
    with revoked(store, store.publisher, "zadd"):
        finding = check_rights(store.publisher, users[0])
    assert "zadd g:creator-videos:0" in finding.detail
    assert check_rights(store.public, PUBLIC).ok
