"""Stores that are set up with the files of a data folder, and the environment of processes on them."""

import os
from dataclasses import replace
from pathlib import Path

from api.http.system import clock_ms
from api.runtime.policy_source import read_policy
from api.runtime.store_keys import KeyFiles
from api.runtime.store_setup import PreparedStore, StoreSetup
from privacy.store.settings import Settings, StoreSettings
from privacy.store.users import Process


def prepare_store(store: StoreSettings, folder: Path, policy_file: Path | None = None) -> PreparedStore:
    """Sets a store up, as `likewise up --data-folder` does."""
    settings = Settings.from_environment({}, folder)
    setup = StoreSetup(
        source=read_policy(policy_file),
        key_files=KeyFiles.of(settings),
        rollback_guard_dir=settings.rollback_guard_dir,
        clock=clock_ms,
        entropy=os.urandom,
    )
    return setup.prepare(store)


def process_environment(store: StoreSettings, folder: Path, *processes: Process) -> dict[str, str]:
    """Returns the whole environment of processes on a store whose files are in a data folder."""
    settings = replace(Settings.from_environment({}, folder), store=store)
    environment = {"PATH": os.environ["PATH"]}
    for process in processes:
        environment |= settings.environment(process)
    return environment
