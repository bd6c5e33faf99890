"""Health check of a worker: does the store answer its user?

    python ask_store.py relay

A worker opens no port, and goes on by itself when the store comes back. What can be asked is whether the
store is there.
"""

# ruff: noqa: INP001 - a program of its own, in a folder that is no package

from __future__ import annotations

import os
import sys

from privacy.errors import StoreError
from privacy.store.connect import connect, translated
from privacy.store.settings import StoreSettings
from privacy.store.users import RELAY, RELEASE, STEWARD


def main(worker: str) -> int:
    """Ask; the exit code is 0 if the store answers and 1 if it does not."""
    user = {"relay": RELAY, "release": RELEASE, "steward": STEWARD}[worker]
    try:
        with translated():
            connect(StoreSettings.from_environment(os.environ, (user,)), user).ping()
    except StoreError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
