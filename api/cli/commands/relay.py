"""`likewise relay`: moves changes from the vault's outboxes to the tally."""

from __future__ import annotations

import os

import click

from api.cli.console import echo
from api.http.command import epilog
from api.http.system import clock_ms
from api.runtime.poll import PollInterval, poll
from api.runtime.relay import make_relay
from api.runtime.stop_signal import stop_on_signal
from api.runtime.store_check import require_healthy_store
from privacy.store.settings import StoreSettings
from privacy.store.users import RELAY

PACE = PollInterval(idle_seconds=0.05, gather_seconds=0.1)
"""Short: a change should be in the tally when its epoch ends. A step costs less a change if it moves more."""


@click.command(
    epilog=epilog("LIKEWISE_REDIS_URL=redis://10.0.0.5:6379 LIKEWISE_RELAY_PASSWORD=… likewise relay")
)
def command() -> None:
    """Move changes from the vault to the tally, each exactly once, until SIGTERM.

    Any number of relays may run. Reads LIKEWISE_REDIS_URL (or LIKEWISE_VAULT_URL) and
    LIKEWISE_RELAY_PASSWORD.
    """
    settings = StoreSettings.from_environment(os.environ, (RELAY,))
    relay = make_relay(settings, require_healthy_store(settings, RELAY, clock_ms))
    with stop_on_signal() as stop:
        poll(relay.step, stop.wait, PACE, lambda error, rest: echo(f"relay: {error}; again in {rest:.1f} s"))
