"""Writes what a deployment outside `likewise up` needs: Redis users, and the passwords of each process.

    PYTHONPATH=. python3 docker/make_secrets.py docker/secrets

| file             | for                                                                     |
|------------------|-------------------------------------------------------------------------|
| `passwords.json` | this program: a password per user, kept, so that running again is safe   |
| `vault.acl`      | the Redis of vault and tally (`aclfile`): the users of the private room  |
| `gallery.acl`    | the Redis of the gallery: the users of its room                          |
| `users.acl`      | one Redis that holds both rooms: all users                               |
| `<process>.env`  | one process: the passwords of its own users, as environment variables    |

ACL files hold hashes of the passwords only. Run it again after an upgrade and load the new ones (`ACL LOAD`,
or restart Redis). Standard library only.
"""

# ruff: noqa: INP001 - a program of its own, in a folder that is no package

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

from privacy.store.acl import AclUser, Room, acl_file
from privacy.store.credentials import load_or_create_credentials, write_private
from privacy.store.users import (
    ADMIN,
    HEALTH,
    LIMITER,
    MAINTENANCE,
    PLATFORM,
    PUBLIC,
    PUBLISHER,
    REKEYER,
    RELAY,
    RELEASE,
    SIGNER,
    USERS,
)

PROCESSES: Final[dict[str, tuple[AclUser, ...]]] = {
    "platform": (PLATFORM, PUBLISHER),
    "relay": (RELAY,),
    "release": (RELEASE, PUBLISHER, SIGNER),
    "maintenance": (MAINTENANCE,),
    "public": (PUBLIC, LIMITER),
    "found": (ADMIN, PUBLISHER),
    # `likewise keys` and `doctor`; `ledger` and `audit wall`; `keys rotate-pseudonym-key`; `rights`.
    "operator": (ADMIN, PUBLIC, REKEYER, MAINTENANCE),
    # The servers' health checks.
    "vault": (HEALTH,),
    "gallery": (HEALTH,),
}
"""Which users' passwords a process gets: those that it connects as, and no others."""

ACL_FILES: Final[dict[str, tuple[Room, ...]]] = {
    "vault.acl": (Room.PRIVATE,),
    "gallery.acl": (Room.GALLERY,),
    "users.acl": tuple(Room),
}
"""The rooms of the server that reads a file."""


def make_secrets(folder: Path) -> None:
    """Write all files; passwords that are there already are kept.

    Raises:
        StoreError: the folder does not allow it, or the passwords are damaged or readable by others.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    names = [user.name for user in USERS]
    passwords = load_or_create_credentials(folder / "passwords.json", names, os.urandom)
    for process, users in PROCESSES.items():
        lines = (f"LIKEWISE_{user.name.upper()}_PASSWORD={passwords[user.name]}\n" for user in users)
        write_private(folder / f"{process}.env", "".join(lines))
    for name, rooms in ACL_FILES.items():
        acl = folder / name
        write_private(acl, acl_file((user for user in USERS if set(user.rooms) & set(rooms)), passwords))
        acl.chmod(0o644)  # Redis runs as another user; a hash of 256 random bits gives nothing away


if __name__ == "__main__":
    make_secrets(Path(sys.argv[1]))
