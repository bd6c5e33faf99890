"""Founds the store of a deployment outside `likewise up`: headers, policy, guarantee, keys.

    PYTHONPATH=. python docker/found_store.py

Reads from the environment the addresses, the passwords of `admin` and `publisher`, and the names of three
files, `LIKEWISE_PSEUDONYM_KEY_FILE`, `LIKEWISE_LEDGER_KEY_FILE` and `LIKEWISE_POLICY`, and of a folder,
`LIKEWISE_NEVER_RESTORE_FOLDER`. Run it before the processes start, and again to enrol a new policy:
what is there stays.
"""

# ruff: noqa: INP001 - a program of its own, in a folder that is no package

from __future__ import annotations

import os
import sys
from pathlib import Path

from api.http.command import exit_code_of
from api.http.system import clock_ms, entropy
from api.runtime.policy_source import read_policy
from api.runtime.settings import LEDGER_KEY_FILE
from api.runtime.store_setup import StoreSetup
from privacy.errors import LikewiseError
from privacy.rollback.folder import never_restore_folder
from privacy.signing.signing_key_file import create_ledger_key
from privacy.store.settings import StoreSettings
from privacy.store.users import ADMIN, PUBLISHER


def main() -> int:
    """Found the store; the exit code is that of the command line."""
    policy_file = os.environ.get("LIKEWISE_POLICY")
    key_file = Path(os.environ.get("LIKEWISE_PSEUDONYM_KEY_FILE", "pseudonym.key"))
    try:
        source = read_policy(Path(policy_file) if policy_file else None)
        settings = StoreSettings.from_environment(os.environ, (ADMIN, PUBLISHER))
        create_ledger_key(Path(os.environ.get("LIKEWISE_LEDGER_KEY_FILE", LEDGER_KEY_FILE)), entropy)
        kept = never_restore_folder(os.environ, key_file.parent)
        founded = StoreSetup(source, key_file, clock_ms, entropy, never_restore=kept).found(settings)
    except LikewiseError as error:
        sys.stderr.write(f"found_store: {error}\n")
        return exit_code_of(error)
    header, version = founded.header, founded.registry.current.version
    shards = f"{header.account_shards} account and {header.target_shards} target shards"
    sys.stdout.write(f"The store has {shards}; policy {version} is in force.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
