"""Checks the private room's store before a process starts to work on it."""

from privacy.model.timestamp import Clock
from privacy.store.acl import AclUser
from privacy.store.checks import check_server, require
from privacy.store.connect import connect
from privacy.store.header import StoreHeader
from privacy.store.rights import check_rights
from privacy.store.settings import StoreSettings


def require_healthy_store(
    settings: StoreSettings, user: AclUser, clock: Clock, *others: AclUser
) -> StoreHeader:
    """Makes sure that the private room's store is there and fit, before a process starts to work on it.

    Args:
        settings: addresses and passwords.
        user: as which the process works on the private room.
        clock: current time in ms since 1970 UTC.
        others: as which it works besides.

    Raises:
        StoreError: it is not.
        StoreBusyError: it cannot answer now.
    """
    client = connect(settings, user)
    require(
        [
            *check_server(client, clock),
            check_rights(client, user),
            *(check_rights(connect(settings, other), other) for other in others),
        ]
    )
    return StoreHeader.read(client)
