"""Addresses and passwords of the store, from the environment."""

from __future__ import annotations

import pytest

from privacy.errors import StoreError
from privacy.store.acl import Room
from privacy.store.settings import StoreSettings
from privacy.store.users import ADMIN, LIMITER, PLATFORM, PUBLIC, USERS


def test_one_address_serves_every_room_that_has_none_of_its_own() -> None:
    """LIKEWISE_REDIS_URL is the rule, a room's own address the exception."""
    shared = StoreSettings.from_environment({"LIKEWISE_REDIS_URL": "redis://a:1"}, USERS)
    assert shared.urls == {Room.PRIVATE: "redis://a:1", Room.GALLERY: "redis://a:1"}
    apart = StoreSettings.from_environment(
        {"LIKEWISE_REDIS_URL": "redis://a:1", "LIKEWISE_GALLERY_URL": "rediss://b:2/0"}, USERS
    )
    assert apart.urls == {Room.PRIVATE: "redis://a:1", Room.GALLERY: "rediss://b:2/0"}


def test_a_child_gets_the_passwords_of_its_plane_only() -> None:
    """The environment of a public process holds no private password, and reads back to the same settings."""
    passwords = {user.name: f"{user.name}-password" for user in USERS}
    whole = StoreSettings(urls=dict.fromkeys(Room, "unix:///a%20b/redis.sock"), passwords=passwords)
    handed_on = whole.environment([PUBLIC, LIMITER])
    assert not [text for text in handed_on.values() if "platform" in text or "admin" in text]
    again = StoreSettings.from_environment(handed_on, USERS)
    assert again.urls == whole.urls
    assert again.passwords == {"public": "public-password", "limiter": "limiter-password"}


def test_what_is_missing_is_named() -> None:
    """A process without an address or a password says which variable to set."""
    settings = StoreSettings.from_environment({"LIKEWISE_GALLERY_URL": "redis://b:2"}, USERS)
    with pytest.raises(StoreError, match="LIKEWISE_VAULT_URL or LIKEWISE_REDIS_URL"):
        settings.url(Room.PRIVATE, PLATFORM)
    with pytest.raises(StoreError, match="LIKEWISE_ADMIN_PASSWORD"):
        settings.password(ADMIN)
    with pytest.raises(StoreError, match="public does not exist in the private room"):
        settings.url(Room.PRIVATE, PUBLIC)


@pytest.mark.parametrize(
    "url",
    [
        "redis://user:sesame@host:1",
        "redis://:sesame@host",
        "unix:///path?password=sesame",
        "redis://host:1?password=sesame",
        "redis://host:1#sesame",
        "redis://host:sesame",
        "redis://[sesame",
        "redis://host/3?sesame",
        "redis://host/3",
        "http://host",
        "sesame",
        "redis://",
        "unix://host/path",
    ],
)
def test_an_address_is_an_address_and_nothing_more(url: str) -> None:
    """Passwords, databases and odd forms are refused, and the message repeats nothing of them."""
    with pytest.raises(StoreError, match="private room") as caught:
        StoreSettings(urls={Room.PRIVATE: url}, passwords={})
    assert "sesame" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_passwords_are_not_shown() -> None:
    """Printing or logging settings gives no password away."""
    assert "sesame" not in repr(StoreSettings(urls={}, passwords={"public": "sesame"}))
