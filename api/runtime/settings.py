"""The settings of an operator's tool, whose store may be the embedded one of a data folder."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from privacy.embedded.config import CONF_FILE, CREDENTIALS_FILE, room_folders
from privacy.embedded.lock import locked
from privacy.embedded.rooms import EmbeddedRooms
from privacy.errors import StoreError
from privacy.store.credentials import parse_credentials
from privacy.store.settings import REDIS_URL, Settings, StoreSettings

_PORT: Final = re.compile(r"^port (\d+)$", re.MULTILINE)


def operator_settings(data_folder: Path, environ: Mapping[str, str]) -> Settings:
    """Returns the settings of an operator's tool, with the store of the environment or the embedded one.

    Args:
        data_folder: of `likewise up`; its store is used if the environment has no address.
        environ: environment variables.

    Raises:
        StoreError: neither of them leads to a store.
    """
    settings = Settings.from_environment(environ, data_folder)
    return settings if settings.names_a_store else replace(settings, store=_embedded_store(data_folder))


@contextmanager
def operator_store(data_folder: Path, environ: Mapping[str, str]) -> Iterator[StoreSettings]:
    """Gives the store of an operator's tool; runs the embedded servers if `likewise up` does not.

    Args:
        data_folder: as for `operator_settings`.
        environ: environment variables.

    Raises:
        StoreError: there is no store.
    """
    store = operator_settings(data_folder, environ).store
    if Settings.from_environment(environ, data_folder).names_a_store or _is_in_use(data_folder):
        yield store
        return
    with EmbeddedRooms(data_folder) as rooms:
        yield rooms.settings


def _is_in_use(folder: Path) -> bool:
    try:
        with locked(folder, 0):
            return False
    except StoreError:
        return True


def _embedded_store(folder: Path) -> StoreSettings:
    """Returns the settings of a folder's embedded store: over TCP, as a socket's path may be too long."""
    rooms = room_folders(folder)
    try:
        passwords = parse_credentials(folder / CREDENTIALS_FILE, (folder / CREDENTIALS_FILE).read_bytes())
        ports = {
            room: _PORT.search((place / CONF_FILE).read_text(errors="replace"))
            for room, place in rooms.items()
        }
    except OSError as error:
        raise StoreError(
            f"there is no store in {folder} ({error.strerror}): start it with `likewise up`, name its folder "
            f"with --data-folder, or set {REDIS_URL.name}"
        ) from error
    urls = {room: f"redis://127.0.0.1:{port[1]}" for room, port in ports.items() if port}
    if len(urls) < len(rooms):
        raise StoreError(
            f"{folder} holds no configuration of the embedded Redis: start it with `likewise up`"
        )
    return StoreSettings(urls=urls, passwords=passwords)
