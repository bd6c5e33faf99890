"""`likewise audit black-box`: attacks a running deployment from outside."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np

from api.cli.console import SectionBars, progress
from api.cli.options import json_option
from api.cli.report_text import deliver_report
from api.http.command import ExitCode, epilog
from api.http.system import clock_ms
from privacy.audit.black_box.black_box import BlackBox
from privacy.audit.black_box.http_deployment import HttpDeployment
from privacy.audit.black_box.sizes import QUICK, WHOLE

_RUN_BYTES = 4


@click.command(
    epilog=epilog(
        "likewise keys create --plane public --owner reviewer --scopes read --rate-limit 1000000",
        "likewise keys create --plane platform --owner reviewer --scopes canary --rate-limit 100000",
        "likewise audit black-box --public-url http://127.0.0.1:8080 --read-key lw_public_… --read-key … \\",
        "  --platform-url http://127.0.0.1:8081 --canary-key lw_platform_… --quick",
    )
)
@click.option("--public-url", required=True, help="Where the public plane is.")
@click.option(
    "--read-key",
    "read_keys",
    multiple=True,
    required=True,
    envvar="LIKEWISE_READ_KEYS",
    help="Key of the public plane with the scope read; give two or more, which then collude.",
)
@click.option("--platform-url", required=True, help="Where the platform plane is.")
@click.option(
    "--canary-key",
    required=True,
    envvar="LIKEWISE_CANARY_KEY",
    help="Key of the platform plane with the scope canary.",
)
@click.option(
    "--logs",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of the deployment's logs, if you have it: it is searched for names.",
)
@click.option(
    "--store-url",
    help="The public plane's own redis://public:password@host:port, if you have it: what it opens is tried.",
)
@click.option(
    "--report",
    "report_file",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Write the report as one HTML file, to be handed on and printed.",
)
@click.option("--quick", is_flag=True, help="Within a minute: less of everything.")
@json_option
def command(  # noqa: PLR0913 - one argument an option
    public_url: str,
    read_keys: Sequence[str],
    platform_url: str,
    canary_key: str,
    logs: Path | None,
    store_url: str | None,
    report_file: Path | None,
    *,
    quick: bool,
    as_json: bool,
) -> ExitCode:
    """Attack a running deployment with keys to read and a canary key, and nothing else.

    Plants canary accounts and videos in the sandbox (the same code and policy with a compressed schedule) and
    reports every attack's success beside what the claimed guarantee allows. Ends with 1 if anything broke.
    """
    deployment = HttpDeployment(public_url, read_keys, platform_url, canary_key, clock_ms, time.sleep)
    black_box = BlackBox(
        deployment=deployment,
        sizes=QUICK if quick else WHOLE,
        clock=clock_ms,
        wait=time.sleep,
        coins=np.random.default_rng(),
        run=os.urandom(_RUN_BYTES).hex(),
        logs=logs,
        store_url=store_url,
        secrets=(*read_keys, canary_key),
    )
    with progress(quiet=as_json) as bars:
        report = black_box.audit(SectionBars(bars))
    return deliver_report(report, as_json=as_json, report_file=report_file)
