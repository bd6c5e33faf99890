"""What a stolen password of the public plane opens in the store."""

from privacy.audit.black_box.store_access import StoreAccessAttack
from privacy.store.acl import Room
from tests.support.redis_server import Store


def refused(store: Store, user: str) -> dict[str, bool]:
    """Return which commands the store refuses a user."""
    socket = store.settings.urls[Room.GALLERY].removeprefix("unix://")
    (section,) = StoreAccessAttack(f"unix://{user}:{store.settings.passwords[user]}@{socket}").evaluate([])
    return {finding.what: finding.passed for finding in section.findings}


def test_the_public_planes_password_opens_nothing(store: Store) -> None:
    """Every command is refused, on the keys of every room."""
    assert all(refused(store, "public").values())


def test_what_a_greater_user_may_do_is_found(store: Store) -> None:
    """The admin may list the ACL and read keys: the same attack sees that it may."""
    opened = {what for what, passed in refused(store, "admin").items() if not passed}
    assert {"ACL LIST", "GET p:keys:none"} <= opened
