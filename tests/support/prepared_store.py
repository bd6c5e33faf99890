"""Stores that are set up with the files of a data folder, and the environment of processes on them."""

import os
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from api.http.system import clock_ms
from api.runtime import store_setup
from api.runtime.policy_source import read_policy
from api.runtime.store_keys import KeyFiles
from api.runtime.store_setup import PreparedStore, StoreSetup
from privacy.mechanism.guarantee import guarantee
from privacy.policy.policy import Policy
from privacy.store.settings import Settings, StoreSettings
from privacy.store.users import Process

_guarantees: dict[tuple[str, str | None], dict[str, Any]] = {}
"""Computed in this process, by the digests of the policies: each takes seconds, and is always the same."""


def _known_guarantee(policy: Policy, in_force: Policy | None = None) -> dict[str, Any]:
    """Returns the guarantee of a policy, computed once."""
    key = (policy.version + policy.digest, in_force.digest if in_force else None)
    if key not in _guarantees:
        _guarantees[key] = guarantee(policy, in_force)
    return deepcopy(_guarantees[key])


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
    with patch.object(store_setup, "guarantee", _known_guarantee):
        return setup.prepare(store)


def process_environment(store: StoreSettings, folder: Path, *processes: Process) -> dict[str, str]:
    """Returns the whole environment of processes on a store whose files are in a data folder."""
    settings = replace(Settings.from_environment({}, folder), store=store)
    environment = {"PATH": os.environ["PATH"]}
    for process in processes:
        environment |= settings.environment(process)
    return environment
