"""The embedded store: a real server for each room."""

import os
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from privacy.embedded.lock import locked
from privacy.embedded.rooms import EmbeddedRooms, StartEndedError
from privacy.embedded.server import EmbeddedRedis
from privacy.errors import StoreError
from privacy.store.acl import Room
from privacy.store.connect import connect, translated
from privacy.store.settings import StoreSettings
from privacy.store.users import ADMIN, LIMITER, PLATFORM, PUBLIC, USERS
from privacy.store.wall_checks import check_users


@pytest.fixture(scope="module")
def rooms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRooms]:
    """A running store."""
    with EmbeddedRooms(tmp_path_factory.mktemp("rooms")) as rooms:
        yield rooms


@pytest.mark.parametrize("room", Room)
def test_each_server_knows_the_users_of_its_room_alone(rooms: EmbeddedRooms, room: Room) -> None:
    """They are declared as the table has it, and each of them gets in."""
    here = [user for user in USERS if room in user.rooms]
    assert 1 < len(here) < len(USERS)
    with closing(connect(rooms.settings, ADMIN, room)) as admin:
        assert not [finding for finding in check_users(admin, here) if not finding.ok]
    for user in here:
        with closing(connect(rooms.settings, user, room)) as client:
            assert client.ping()


@pytest.mark.parametrize("user", [PUBLIC, LIMITER])
def test_the_public_plane_is_nobody_where_the_vault_is(rooms: EmbeddedRooms, user: object) -> None:
    """Its passwords, which open the gallery, open nothing on the private room's server."""
    swapped = {Room.GALLERY: rooms.settings.urls[Room.PRIVATE]}
    with (
        closing(connect(StoreSettings(swapped, rooms.settings.passwords), user)) as client,  # type: ignore[arg-type] # parametrized
        pytest.raises(StoreError, match="refuses this user's password"),
        translated(),
    ):
        client.ping()


def test_data_and_passwords_survive_a_restart(tmp_path: Path) -> None:
    """What each room held it holds again, after SIGKILL of both servers as well."""
    with EmbeddedRooms(tmp_path) as first:
        passwords = first.settings.passwords
        connect(first.settings, PLATFORM).set("p:kept", "private")
        connect(first.settings, LIMITER).incrby("l:public:kept", 7)
        for server in first.servers.values():
            os.kill(server.pid, signal.SIGKILL)
    with EmbeddedRooms(tmp_path) as second:
        assert second.settings.passwords == passwords
        assert connect(second.settings, PLATFORM).get("p:kept") == b"private"
        assert connect(second.settings, LIMITER).incrby("l:public:kept", 1) == 8


def test_a_gallery_that_cannot_start_leaves_no_server_behind(tmp_path: Path) -> None:
    """If the second server does not start the first one ends, and the folder is free."""
    (tmp_path / "gallery").mkdir()
    (tmp_path / "gallery" / "redis.conf").mkdir()
    rooms = EmbeddedRooms(tmp_path)
    with pytest.raises(StoreError, match=r"gallery/redis\.conf"), rooms:
        pass
    assert not rooms.servers[Room.PRIVATE].is_running
    with locked(tmp_path, 0):
        pass


def test_a_start_that_is_asked_to_end_leaves_no_server_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program can be ended while its store loads: its servers end, and the folder is free."""
    monkeypatch.setattr(EmbeddedRedis, "is_ready", lambda _server: False)  # an empty store loads in no time
    rooms = EmbeddedRooms(tmp_path, wait=lambda _seconds, _activity: True)
    with pytest.raises(StartEndedError), rooms:
        pass
    assert not any(server.is_running for server in rooms.servers.values())
    with locked(tmp_path, 0), locked(tmp_path / "gallery", 0):
        pass
