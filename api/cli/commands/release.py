"""`likewise release`: measures what is due, publishes it and signs it."""

from __future__ import annotations

import os
from pathlib import Path

import click

from api.cli.console import echo
from api.http.command import epilog
from api.http.system import clock_ms, entropy
from api.runtime.poll import PollInterval, poll
from api.runtime.release import make_ledger_signer, make_release_workers
from api.runtime.settings import LEDGER_KEY_FILE
from api.runtime.stop_signal import stop_on_signal
from api.runtime.store_check import require_healthy_store
from privacy.release.worker import run_together
from privacy.rollback.erasure_log import ErasureLog
from privacy.rollback.folder import never_restore_folder
from privacy.store.settings import StoreSettings
from privacy.store.users import PUBLISHER, RELEASE, SIGNER

PACE = PollInterval(idle_seconds=1.0)
"""The shortest epoch of the default policy is an hour."""


@click.command(
    epilog=epilog(
        "LIKEWISE_REDIS_URL=redis://10.0.0.5:6379 LIKEWISE_RELEASE_PASSWORD=… \\",
        "  LIKEWISE_PUBLISHER_PASSWORD=… LIKEWISE_SIGNER_PASSWORD=… likewise release",
    )
)
def command() -> None:
    """Release what is due, publish it and sign it, until SIGTERM.

    Any number may run: every release is written once, by one of them. Nothing is released before everything
    that was ever signed is found again. Reads LIKEWISE_REDIS_URL (or LIKEWISE_VAULT_URL and
    LIKEWISE_GALLERY_URL), LIKEWISE_RELEASE_PASSWORD, LIKEWISE_PUBLISHER_PASSWORD, LIKEWISE_SIGNER_PASSWORD,
    LIKEWISE_LEDGER_KEY_FILE (`ledger.key` if not given) and LIKEWISE_NEVER_RESTORE_FOLDER.
    """
    settings = StoreSettings.from_environment(os.environ, (RELEASE, PUBLISHER, SIGNER))
    header = require_healthy_store(settings, RELEASE, clock_ms)
    key_file = Path(os.environ.get("LIKEWISE_LEDGER_KEY_FILE", LEDGER_KEY_FILE))
    signer = make_ledger_signer(settings, header, key_file, clock_ms)
    signer.check()
    erasures = ErasureLog(never_restore_folder(os.environ, key_file.parent), header.store_id)
    workers = make_release_workers(settings, header, erasures, entropy, clock_ms)

    def step() -> int:
        return run_together(workers) + signer.run()

    with stop_on_signal() as stop:
        poll(step, stop.wait, PACE, lambda error, rest: echo(f"release: {error}; again in {rest:.1f} s"))
