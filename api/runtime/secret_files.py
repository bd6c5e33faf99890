"""Writes the secret files of a deployment with Redis servers of its own: users, and passwords per process.

| file             | for                                                                         |
|------------------|-----------------------------------------------------------------------------|
| `passwords.json` | the next run: a password per user, kept, so that running again is safe      |
| `vault.acl`      | the Redis of vault and tally (`aclfile`): the users of the private room     |
| `gallery.acl`    | the Redis of the gallery: the users of its room                             |
| `users.acl`      | one Redis that holds both rooms: all users                                  |
| `<process>.env`  | one process: the passwords of its own users, as environment variables       |

ACL files hold hashes of the passwords only. After an upgrade, write the files again and restart the servers:
they read their ACL files when they start.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from privacy.errors import StoreError
from privacy.store.acl import Room, acl_file
from privacy.store.credentials import load_or_create_credentials, write_private
from privacy.store.file_change import hold_folder
from privacy.store.settings import StoreSettings
from privacy.store.users import PROCESSES, USERS

_PASSWORDS: Final = "passwords.json"
_ACL_FILES: Final[dict[str, tuple[Room, ...]]] = {
    "vault.acl": (Room.PRIVATE,),
    "gallery.acl": (Room.GALLERY,),
    "users.acl": tuple(Room),
}
"""The rooms of the server that reads a file."""


def write_secret_files(folder: Path, entropy: Callable[[int], bytes]) -> list[Path]:
    """Writes all files; existing passwords are kept. Concurrent runs wait for each other.

    Args:
        folder: created if it does not exist.
        entropy: returns the given number of random bytes.

    Returns:
        All of them; `passwords.json` is the last.

    Raises:
        StoreBusyError: another run does not end.
        StoreError: the folder cannot be written, or the passwords are damaged or readable by others.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"cannot make the folder {folder}: {error.strerror}") from error
    with hold_folder(folder):
        return _write(folder, entropy)


def _write(folder: Path, entropy: Callable[[int], bytes]) -> list[Path]:
    names = [user.name for user in USERS]
    passwords = load_or_create_credentials(folder / _PASSWORDS, names, entropy)
    written = []
    for process, users in PROCESSES.items():
        variables = StoreSettings({}, passwords).environment(users)
        written.append(folder / f"{process}.env")
        write_private(written[-1], "".join(f"{name}={value}\n" for name, value in variables.items()))
    for name, rooms in _ACL_FILES.items():
        written.append(folder / name)
        write_private(
            written[-1], acl_file((user for user in USERS if set(user.rooms) & set(rooms)), passwords)
        )
        written[-1].chmod(0o644)  # Redis runs as another user; a hash of 256 random bits reveals nothing
    return [*written, folder / _PASSWORDS]
