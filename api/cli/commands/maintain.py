"""`likewise maintain`: runs staff jobs, expirations and retention sweeps."""

import os

import click

from api.http.command import epilog
from api.runtime.maintenance import run_maintenance
from privacy.store.settings import Settings, names_read_by
from privacy.store.users import Process


@click.command(epilog=epilog("likewise maintain", variables=names_read_by(Process.MAINTENANCE)))
def command() -> None:
    """Run staff jobs, end restrictions and drop what is past its retention period, until SIGTERM.

    Any number may run.
    """
    run_maintenance(Settings.from_environment(os.environ))
