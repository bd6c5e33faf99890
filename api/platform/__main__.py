"""`python -m api.platform`, also `likewise platform`: serves the platform plane."""

import os
import sys

import click

from api.http.command import epilog, run_command
from api.http.serve import Serving, serve, serving_options
from api.http.standard_streams import require_output
from privacy.store.settings import Settings, names_read_by
from privacy.store.users import Process


@click.command(
    epilog=epilog(
        "likewise platform --port 8081 --workers 2",
        "likewise platform --host 0.0.0.0     behind a reverse proxy that speaks TLS",
        variables=names_read_by(Process.PLATFORM),
    )
)
@serving_options(8081)
def command(host: str, port: int, health_port: int | None, workers: int, threads: int) -> None:
    """Serve the platform plane until SIGTERM: ingest targets and events, act for staff and data subjects."""
    serve("api.platform.wsgi", Serving(host, port, workers, threads, health_port), _check)


def _check() -> None:
    """Reports a fault here, in one line, and not in every worker. Workers alone load the app."""
    # Imported here: numpy starts a thread, which would take SIGTERM if it were there earlier.
    from api.platform.dependencies import make_dependencies  # noqa: PLC0415 - as above

    make_dependencies(Settings.from_environment(os.environ))


if __name__ == "__main__":
    require_output()
    sys.exit(run_command(command, sys.argv[1:], "python -m api.platform"))
