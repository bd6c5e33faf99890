"""`likewise release`: measures what is due and publishes it."""

from __future__ import annotations

import os

import click

from api.cli.console import say
from api.cli.options import epilog
from api.cli.poll import Pace, poll
from api.cli.stop_signal import stop_on_signal
from api.cli.system import clock_ms, entropy
from api.cli.workers import fit_store, make_release_workers
from privacy.store.settings import StoreSettings
from privacy.store.users import PUBLISHER, RELEASE

PACE = Pace(idle_seconds=1.0)
"""The shortest epoch of the default policy is an hour."""


@click.command(
    epilog=epilog(
        "LIKEWISE_REDIS_URL=redis://10.0.0.5:6379 LIKEWISE_RELEASE_PASSWORD=… \\",
        "  LIKEWISE_PUBLISHER_PASSWORD=… likewise release",
    )
)
def command() -> None:
    """Release what is due, and publish it, until SIGTERM.

    Any number may run: every release is written once, by one of them. Reads LIKEWISE_REDIS_URL (or
    LIKEWISE_VAULT_URL and LIKEWISE_GALLERY_URL), LIKEWISE_RELEASE_PASSWORD and LIKEWISE_PUBLISHER_PASSWORD.
    """
    settings = StoreSettings.from_environment(os.environ, (RELEASE, PUBLISHER))
    header = fit_store(settings, RELEASE, clock_ms)
    workers = make_release_workers(settings, header, entropy, clock_ms)

    def step() -> int:
        return sum(worker.run_due() for worker in workers)

    with stop_on_signal() as stop:
        poll(step, stop.wait, PACE, lambda error, rest: say(f"release: {error}; again in {rest:.1f} s"))
