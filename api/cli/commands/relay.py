"""`likewise relay`: moves changes from the vault's outboxes to the tally."""

import os

import click

from api.http.command import epilog
from api.runtime.relay import run_relay
from privacy.store.settings import Settings, names_read_by
from privacy.store.users import Process


@click.command(epilog=epilog("likewise relay", variables=names_read_by(Process.RELAY)))
def command() -> None:
    """Move changes from the vault to the tally, each exactly once, until SIGTERM. Any number may run."""
    run_relay(Settings.from_environment(os.environ))
