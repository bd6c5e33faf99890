"""`likewise maintain`: runs staff jobs, expirations and retention sweeps."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import click

from api.cli.console import echo
from api.cli.options import policy_option
from api.http.command import epilog
from api.http.system import clock_ms, monotonic_seconds
from api.runtime.maintenance import make_maintenance_worker
from api.runtime.policy_source import read_policy
from api.runtime.poll import PollInterval, poll
from api.runtime.stop_signal import stop_on_signal
from api.runtime.store_check import require_healthy_store
from privacy.maintenance.throttle import ActivityCounter, Throttle
from privacy.policy.registry import read_policy_registry
from privacy.rollback.erasure_log import ErasureLog
from privacy.rollback.folder import never_restore_folder
from privacy.store.connect import connect
from privacy.store.settings import StoreSettings
from privacy.store.users import MAINTENANCE
from privacy.vault.pseudonym_key_file import load_pseudonymiser
from privacy.vault.shards import PseudonymKeys

PACE = PollInterval(idle_seconds=0.2)
"""A job should begin while whoever asked for it still looks."""


@click.command(
    epilog=epilog(
        "LIKEWISE_REDIS_URL=redis://10.0.0.5:6379 LIKEWISE_MAINTENANCE_PASSWORD=… \\",
        "  LIKEWISE_PSEUDONYM_KEY_FILE=/var/lib/likewise/pseudonym.key likewise maintain",
    )
)
@click.option(
    "--key-file",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="LIKEWISE_PSEUDONYM_KEY_FILE",
    required=True,
    help="File with the keys of the pseudonyms.",
)
@policy_option
def command(key_file: Path, policy_file: Path | None) -> None:
    """Carry out jobs of staff, end restrictions, drop what has outlived its life, until SIGTERM.

    Any number may run. Reads LIKEWISE_REDIS_URL (or LIKEWISE_VAULT_URL), LIKEWISE_MAINTENANCE_PASSWORD,
    LIKEWISE_PSEUDONYM_KEY_FILE, LIKEWISE_NEVER_RESTORE_FOLDER and LIKEWISE_POLICY.
    """
    settings = StoreSettings.from_environment(os.environ, (MAINTENANCE,))
    keys = PseudonymKeys(partial(load_pseudonymiser, key_file))
    policy = read_policy(policy_file).policy
    header = require_healthy_store(settings, MAINTENANCE, clock_ms)
    client = connect(settings, MAINTENANCE, greet=header.greet)
    erasures = ErasureLog(never_restore_folder(os.environ, key_file.parent), header.store_id)
    book = read_policy_registry(client, policy)
    with stop_on_signal() as stop:
        throttle = Throttle(ActivityCounter(client, header.account_shards), monotonic_seconds, stop.wait)
        maintenance = make_maintenance_worker(client, header, book, keys, erasures, clock_ms, throttle)
        poll(
            maintenance.step,
            stop.wait,
            PACE,
            lambda error, rest: echo(f"maintenance: {error}; again in {rest:.1f} s"),
        )
