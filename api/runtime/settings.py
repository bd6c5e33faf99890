"""Where the store of a deployment is, for its operator's tools: the environment says, or a data folder."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from privacy.embedded.config import CONF_FILE, CREDENTIALS_FILE, room_folders
from privacy.errors import StoreError
from privacy.store.settings import StoreSettings
from privacy.store.users import USERS

PSEUDONYM_KEY_FILE: Final = "pseudonym.key"
LEDGER_KEY_FILE: Final = "ledger.key"
ADDRESS_VARIABLES: Final = ("LIKEWISE_REDIS_URL", "LIKEWISE_VAULT_URL", "LIKEWISE_GALLERY_URL")

_PORT: Final = re.compile(r"^port (\d+)$", re.MULTILINE)


def names_a_store(environment: Mapping[str, str]) -> bool:
    """Whether the environment says where a Redis is; else the embedded one is meant."""
    return any(environment.get(variable) for variable in ADDRESS_VARIABLES)


def operator_settings(folder: Path, environment: Mapping[str, str]) -> StoreSettings:
    """Addresses and passwords of a running store.

    Args:
        folder: data folder of `likewise up`; read only if the environment names no store.
        environment: as `StoreSettings.from_environment` reads it.

    Raises:
        StoreError: neither of them leads to a store.
    """
    if names_a_store(environment):
        return StoreSettings.from_environment(environment, USERS)
    return _embedded_settings(folder)


def _embedded_settings(folder: Path) -> StoreSettings:
    """Those of the embedded store that runs in a folder: over TCP, as a path may be too long for a socket."""
    rooms = room_folders(folder)
    try:
        passwords = json.loads((folder / CREDENTIALS_FILE).read_text())
        ports = {room: _PORT.search((place / CONF_FILE).read_text()) for room, place in rooms.items()}
    except OSError as error:
        raise StoreError(
            f"there is no store in {folder} ({error.strerror}): start it with `likewise up`, name its folder "
            f"with --data-folder, or set {ADDRESS_VARIABLES[0]}"
        ) from error
    except ValueError as error:
        raise StoreError(f"{folder / CREDENTIALS_FILE} is damaged: {error}") from error
    urls = {room: f"redis://127.0.0.1:{port[1]}" for room, port in ports.items() if port}
    if len(urls) < len(rooms) or not isinstance(passwords, dict):
        raise StoreError(
            f"{folder} holds no configuration of the embedded Redis: start it with `likewise up`"
        )
    return StoreSettings(urls=urls, passwords=passwords)
