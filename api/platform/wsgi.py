"""What a worker of the platform plane runs: `granian --interface wsgi --factory api.platform.wsgi:create`."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from api.http.logs import BufferedLogFile, JsonLog
from api.http.system import clock_ms
from api.platform.app import PLANE, PlatformDependencies, build_platform_app
from privacy.errors import StoreError
from privacy.policy.file import DEFAULT_POLICY_PATH, load_policy
from privacy.policy.registry import read_policy_registry
from privacy.rollback.erasure_log import ErasureLog
from privacy.rollback.erasure_watermark import ErasureWatermark, caught_up
from privacy.rollback.folder import never_restore_folder
from privacy.store.checks import check_server, require
from privacy.store.connect import connect
from privacy.store.header import StoreHeader
from privacy.store.settings import StoreSettings
from privacy.store.users import PLATFORM, PUBLISHER
from privacy.vault.pseudonym_key_file import load_pseudonymiser
from privacy.vault.shards import PseudonymKeys

if TYPE_CHECKING:
    from flask import Flask

KEY_FILE_VARIABLE = "LIKEWISE_PSEUDONYM_KEY_FILE"
POLICY_VARIABLE = "LIKEWISE_POLICY"


def create() -> Flask:
    """Make the app from the environment.

    | variable                        | meaning                                                          |
    |---------------------------------|------------------------------------------------------------------|
    | `LIKEWISE_PSEUDONYM_KEY_FILE`   | file with the keys of the pseudonyms, readable by its owner only |
    | `LIKEWISE_NEVER_RESTORE_FOLDER` | folder of the list of erasures; one beside the key file's folder |
    | `LIKEWISE_POLICY`               | policy file; the packaged one if not set                         |

    and those of `privacy.store.settings` for the users `platform` and `publisher`.

    Raises:
        PolicyError: the policy breaks a rule, or is not the one that is enrolled in the store.
        StoreError: a variable or the key is missing, or the store is not fit.
    """
    return build_platform_app(dependencies_of(os.environ), clock_ms)


def dependencies_of(environment: Mapping[str, str]) -> PlatformDependencies:
    """Connect to what the environment names, and check that it is fit.

    Raises:
        PolicyError: see `create`.
        StoreError: see `create`.
    """
    if KEY_FILE_VARIABLE not in environment:
        raise StoreError(f"no keys of the pseudonyms: set {KEY_FILE_VARIABLE} to its file")
    key_file = Path(environment[KEY_FILE_VARIABLE])
    keys = PseudonymKeys(partial(load_pseudonymiser, key_file))
    policy = load_policy(Path(environment.get(POLICY_VARIABLE, DEFAULT_POLICY_PATH)))
    settings = StoreSettings.from_environment(environment, (PLATFORM, PUBLISHER))
    asking = connect(settings, PLATFORM)
    require(check_server(asking, clock_ms))
    header = StoreHeader.read(asking)
    header.of_gallery.verify(connect(settings, PUBLISHER))
    erasures = ErasureLog(never_restore_folder(environment, key_file.parent), header.store_id)
    ErasureWatermark(asking, erasures).require_caught_up()
    return PlatformDependencies(
        client=connect(settings, PLATFORM, greet=caught_up(header.greet, erasures)),
        gallery=connect(settings, PUBLISHER, greet=header.of_gallery.greet),
        header=header,
        book=read_policy_registry(asking, policy),
        keys=keys,
        erasures=erasures,
        entropy=os.urandom,
        log=JsonLog(BufferedLogFile(sys.stderr.buffer), PLANE),
    )
