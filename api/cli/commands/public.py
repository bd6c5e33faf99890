"""`likewise public`: serves the public plane. Imports nothing that lies behind the wall."""

from __future__ import annotations

import os

import click

from api.cli.options import epilog
from api.runtime.serve import Serving, serve, serving_options
from privacy.store.checks import require
from privacy.store.connect import connect, translated
from privacy.store.settings import StoreSettings
from privacy.store.users import LIMITER, PUBLIC
from privacy.store.wall_checks import check_wall

PORT = 8080


@click.command(
    epilog=epilog(
        "likewise public --port 8080 --workers 2",
        "likewise public --host 0.0.0.0     behind a reverse proxy that speaks TLS",
    )
)
@serving_options(PORT)
def command(host: str, port: int, workers: int, threads: int) -> None:
    """Serve the public plane until SIGTERM: releases are read, and nothing else can be.

    Reads LIKEWISE_REDIS_URL (or LIKEWISE_GALLERY_URL), LIKEWISE_PUBLIC_PASSWORD and
    LIKEWISE_LIMITER_PASSWORD. It does not start if its own credentials reach past the wall.
    """
    settings = StoreSettings.from_environment(os.environ, (PUBLIC, LIMITER))
    require(check_wall(connect(settings, PUBLIC)))
    with translated():
        connect(settings, LIMITER).ping()
    serve("api.public.wsgi", Serving(host, port, workers, threads))
