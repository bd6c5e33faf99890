"""`likewise release`: measures what is due, publishes it and signs it."""

import os

import click

from api.http.command import epilog
from api.runtime.release import run_release
from privacy.store.settings import Settings, names_read_by
from privacy.store.users import Process


@click.command(epilog=epilog("likewise release", variables=names_read_by(Process.RELEASE)))
def command() -> None:
    """Release what is due, publish it and sign it, until SIGTERM.

    Any number may run: every release is written once, by one of them. Refuses to start until everything that
    was ever signed is found again.
    """
    run_release(Settings.from_environment(os.environ))
