"""The app of a worker of the platform plane: `create` is called in the worker."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from io import FileIO
from typing import TYPE_CHECKING

from api.http.logs import STDERR, BufferedLogFile, JsonLog
from api.http.system import clock_ms, entropy, uptime
from api.platform.app import PLANE, PlatformDependencies, build_platform_app
from privacy.policy.file import DEFAULT_POLICY_PATH, load_policy
from privacy.policy.registry import read_policy_registry
from privacy.rollback.erasure_log import ErasureLog
from privacy.rollback.erasure_watermark import ErasureWatermark, caught_up
from privacy.store.checks import check_server, require
from privacy.store.clock import MAX_AGE_MS, StoreClock
from privacy.store.connect import connect
from privacy.store.header import StoreHeader
from privacy.store.rights import check_rights
from privacy.store.settings import Settings
from privacy.store.users import PLATFORM, PUBLISHER
from privacy.vault.limits import KnownLimits, require_limits_in_force
from privacy.vault.pseudonym_key_file import load_store_keys
from privacy.vault.shards import PseudonymKeys

if TYPE_CHECKING:
    from flask import Flask


def create() -> Flask:
    """Makes the app from the environment; see `privacy.store.settings`.

    Raises:
        PolicyError: the policy breaks a rule, or is not the one that is registered in the store.
        StoreError: a variable or the key is missing, the key is another store's, or the store is not fit.
    """
    dependencies = make_dependencies(Settings.from_environment(os.environ))
    clock = StoreClock(dependencies.client, clock_ms, uptime, MAX_AGE_MS)
    return build_platform_app(replace(dependencies, believed_clock=clock), clock)


def make_dependencies(settings: Settings) -> PlatformDependencies:
    """Connects to the store and check that it is fit.

    Raises:
        PolicyError: see `create`.
        StoreError: see `create`.
    """
    policy = load_policy(settings.policy_file or DEFAULT_POLICY_PATH)
    store = settings.store
    client = connect(store, PLATFORM)
    publisher = connect(store, PUBLISHER)
    require(
        [
            *check_server(client, clock_ms),
            check_rights(client, PLATFORM),
            check_rights(publisher, PUBLISHER),
        ]
    )
    header = StoreHeader.read(client)
    keys = PseudonymKeys(partial(load_store_keys, settings.pseudonym_key_file, header))
    header.of_gallery.verify(publisher)
    erasures = ErasureLog(settings.rollback_guard_dir, header.store_id)
    ErasureWatermark(client, erasures).require_caught_up()
    registry = read_policy_registry(client, policy)
    require_limits_in_force(client, header.account_shards, KnownLimits(registry, client))
    return PlatformDependencies(
        client=connect(store, PLATFORM, greet=caught_up(header.greet, erasures)),
        gallery=connect(store, PUBLISHER, greet=header.of_gallery.greet),
        header=header,
        registry=registry,
        keys=keys,
        erasures=erasures,
        entropy=entropy,
        log=JsonLog(BufferedLogFile(FileIO(STDERR, "w", closefd=False)), PLANE),
    )
