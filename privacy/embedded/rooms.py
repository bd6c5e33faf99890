"""The embedded store: a redis-server for each room, in one data folder.

The private room's server is in the data folder itself, the gallery's in its subfolder `gallery`; they share
`credentials.json`. Each knows the users of its own room and no others. Readers therefore wait for
no script and no fsync of the private room, and the public plane's server holds only the gallery.
"""

import os
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from privacy.embedded.config import CREDENTIALS_FILE, room_folders
from privacy.embedded.server import PAUSE_SECONDS, EmbeddedRedis
from privacy.errors import StoreError
from privacy.store.acl import AclUser, Room
from privacy.store.settings import StoreSettings
from privacy.store.users import USERS

_MAX_PAUSE_SECONDS: Final = 0.2


class StartEndedError(StoreError):
    """The program was asked to end before its store had loaded its data."""


def _rest(seconds: float, _activity: str) -> bool:
    time.sleep(seconds)
    return False


class EmbeddedRooms:
    """Two redis-servers that live in a data folder, for as long as the `with` block.

    They end with the thread that started them, even if that is killed: start them from the main thread.

    Args:
        folder: the data folder; made if absent.
        users: the Redis users; each server gets those of its room.
        entropy: returns the given number of random bytes, for passwords.
        wait: rests for the given seconds, or less if asked to stop; returns whether to stop. It is also given
            what is waited for, which takes as long as the log is large.
    """

    def __init__(
        self,
        folder: Path,
        users: tuple[AclUser, ...] = USERS,
        entropy: Callable[[int], bytes] = os.urandom,
        wait: Callable[[float, str], bool] = _rest,
    ) -> None:
        self.folder = folder.absolute()
        self._servers = {
            room: EmbeddedRedis(
                place,
                users=tuple(user for user in users if room in user.rooms),
                entropy=entropy,
                credentials=self.folder / CREDENTIALS_FILE,
            )
            for room, place in room_folders(self.folder).items()
        }
        self._wait = wait
        self._started = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as started:
            for server in self._servers.values():
                server.launch()
                started.callback(server.stop)
            for server in self._servers.values():
                pause_seconds = PAUSE_SECONDS
                while not server.is_ready():
                    if self._wait(pause_seconds, server.activity):
                        raise StartEndedError(f"asked to end while the store was {server.activity}")
                    # A server that takes long loads more while it is asked less.
                    pause_seconds = min(1.2 * pause_seconds, _MAX_PAUSE_SECONDS)
            self._started = started.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._started.close()

    @property
    def servers(self) -> Mapping[Room, EmbeddedRedis]:
        """The server of each room."""
        return self._servers

    @property
    def settings(self) -> StoreSettings:
        """Addresses of the rooms, and the passwords of all users."""
        found = {room: server.settings for room, server in self._servers.items()}
        return StoreSettings(
            urls={room: settings.urls[room] for room, settings in found.items()},
            passwords={name: word for each in found.values() for name, word in each.passwords.items()},
        )
