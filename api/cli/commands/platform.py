"""`likewise platform`: serves the platform plane."""

from __future__ import annotations

import os

import click

from api.cli.options import epilog
from api.platform.wsgi import dependencies_of
from api.runtime.serve import Serving, serve, serving_options

PORT = 8081


@click.command(
    epilog=epilog(
        "likewise platform --port 8081 --workers 2",
        "likewise platform --host 0.0.0.0     behind a reverse proxy that speaks TLS",
    )
)
@serving_options(PORT)
def command(host: str, port: int, workers: int, threads: int) -> None:
    """Serve the platform plane until SIGTERM: videos and events come in.

    Reads LIKEWISE_REDIS_URL (or LIKEWISE_VAULT_URL and LIKEWISE_GALLERY_URL), LIKEWISE_PLATFORM_PASSWORD,
    LIKEWISE_PUBLISHER_PASSWORD, LIKEWISE_PSEUDONYM_KEY_FILE and LIKEWISE_POLICY.
    """
    dependencies_of(os.environ)  # what is wrong is said in one line here, and not by every worker
    serve("api.platform.wsgi", Serving(host, port, workers, threads))
