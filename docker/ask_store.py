"""Health check of a worker: do the servers that it works on answer its users?

    python ask_store.py relay

A worker opens no port, and goes on by itself when a server comes back. What can be asked is whether they are
there.
"""

# ruff: noqa: INP001 - a program of its own, in a folder that is no package

from __future__ import annotations

import os
import sys

from privacy.errors import StoreError
from privacy.store.connect import connect, translated
from privacy.store.settings import StoreSettings
from privacy.store.users import MAINTENANCE, PUBLISHER, RELAY, RELEASE


def main(worker: str) -> int:
    """Ask; the exit code is 0 if all servers answer and 1 if one does not."""
    users = {"relay": (RELAY,), "release": (RELEASE, PUBLISHER), "maintenance": (MAINTENANCE,)}[worker]
    try:
        settings = StoreSettings.from_environment(os.environ, users)
        with translated():
            for user in users:
                connect(settings, user).ping()
    except StoreError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
