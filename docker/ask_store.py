"""Health check of a worker: do the servers that it works on answer its users?

    python ask_store.py relay

A worker opens no port, and continues when a server comes back. A health check can therefore only ask whether
the servers answer.
"""

# ruff: noqa: INP001 - a program of its own, in a folder that is no package

import os
import sys

from privacy.errors import StoreError
from privacy.store.connect import connect, translated
from privacy.store.settings import Settings
from privacy.store.users import PROCESSES, Process


def main(process: str) -> int:
    """Ask; the exit code is 0 if all servers answer and 1 if one does not."""
    try:
        store = Settings.from_environment(os.environ).store
        with translated():
            for user in PROCESSES[Process(process)]:
                connect(store, user).ping()
    except StoreError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
