"""`likewise steward`: carries out jobs of staff, and lets time pass."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import click

from api.cli.console import say
from api.cli.options import epilog, policy_option
from api.runtime.maintenance import make_steward
from api.runtime.policy_source import read_policy
from api.runtime.poll import Pace, poll
from api.runtime.stop_signal import stop_on_signal
from api.runtime.store_check import fit_store
from api.runtime.system import clock_ms, monotonic_seconds
from privacy.maintenance.throttle import Arrivals, Courtesy
from privacy.policy.enrolled import read_policy_book
from privacy.rollback.erasure_log import ErasureList
from privacy.rollback.folder import never_restore_folder
from privacy.store.connect import connect
from privacy.store.settings import StoreSettings
from privacy.store.users import STEWARD
from privacy.vault.key_file import load_pseudonymiser
from privacy.vault.shards import PseudonymKeys

PACE = Pace(idle_seconds=0.2)
"""A job should begin while whoever asked for it still looks."""


@click.command(
    epilog=epilog(
        "LIKEWISE_REDIS_URL=redis://10.0.0.5:6379 LIKEWISE_STEWARD_PASSWORD=… \\",
        "  LIKEWISE_PSEUDONYM_KEY_FILE=/var/lib/likewise/pseudonym.key likewise steward",
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

    Any number may run. Reads LIKEWISE_REDIS_URL (or LIKEWISE_VAULT_URL), LIKEWISE_STEWARD_PASSWORD,
    LIKEWISE_PSEUDONYM_KEY_FILE, LIKEWISE_NEVER_RESTORE_FOLDER and LIKEWISE_POLICY.
    """
    settings = StoreSettings.from_environment(os.environ, (STEWARD,))
    keys = PseudonymKeys(partial(load_pseudonymiser, key_file))
    policy = read_policy(policy_file).policy
    header = fit_store(settings, STEWARD, clock_ms)
    client = connect(settings, STEWARD, greet=header.greet)
    erasures = ErasureList(never_restore_folder(os.environ, key_file.parent), header.store_id)
    book = read_policy_book(client, policy)
    with stop_on_signal() as stop:
        courtesy = Courtesy(Arrivals(client, header.account_shards), monotonic_seconds, stop.wait)
        steward = make_steward(client, header, book, keys, erasures, clock_ms, courtesy)
        poll(
            steward.step, stop.wait, PACE, lambda error, rest: say(f"steward: {error}; again in {rest:.1f} s")
        )
