"""Checks the private room's store before a process starts to work on it."""

from privacy.model.timestamp import Clock
from privacy.store.acl import AclUser
from privacy.store.checks import check_server, require
from privacy.store.connect import connect
from privacy.store.header import StoreHeader
from privacy.store.settings import StoreSettings


def require_healthy_store(settings: StoreSettings, user: AclUser, clock: Clock) -> StoreHeader:
    """Makes sure that the private room's store is there and fit, before a process starts to work on it.

    Raises:
        StoreError: it is not.
        StoreBusyError: it cannot answer now.
    """
    client = connect(settings, user)
    require(check_server(client, clock))
    return StoreHeader.read(client)
