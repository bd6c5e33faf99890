"""`python -m api.public`, also `likewise public`: serves the public plane."""

import os
import sys

import click

from api.http.command import epilog, run_command
from api.http.cross_origin import parse_origins
from api.http.serve import Serving, serve, serving_options
from api.http.standard_streams import require_output
from api.public.access.token_settings import TokenSettings
from privacy.store.checks import require
from privacy.store.connect import connect, translated
from privacy.store.settings import ALLOWED_ORIGINS, FRAME_ANCESTORS, Settings, names_read_by
from privacy.store.users import LIMITER, PUBLIC, Process
from privacy.store.wall_checks import check_wall


@click.command(
    epilog=epilog(
        "likewise public --port 8080 --workers 2",
        "likewise public --host 0.0.0.0     behind a reverse proxy that speaks TLS",
        variables=names_read_by(Process.PUBLIC),
    )
)
@serving_options(8080)
def command(host: str, port: int, health_port: int | None, workers: int, threads: int) -> None:
    """Serve the public plane until SIGTERM: releases are read, and nothing else can be.

    It does not start if its own credentials reach past the wall.
    """
    serve("api.public.wsgi", Serving(host, port, workers, threads, health_port), _check)


def _check() -> None:
    settings = Settings.from_environment(os.environ)
    for variable in (ALLOWED_ORIGINS, FRAME_ANCESTORS):
        parse_origins(variable.name, settings.values.get(variable, ""))
    TokenSettings.read(settings.values)
    store = settings.store
    require(check_wall(connect(store, PUBLIC)))
    with translated():
        connect(store, LIMITER).ping()


if __name__ == "__main__":
    require_output()
    sys.exit(run_command(command, sys.argv[1:], "python -m api.public"))
