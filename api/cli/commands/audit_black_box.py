"""`likewise audit black-box`: attacks a running deployment from outside."""

import os
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import click
import numpy as np

from api.cli.console import SectionBars, progress
from api.cli.options import json_option
from api.cli.parameters import OutputFile
from api.cli.report_text import deliver_report
from api.http.command import ExitCode, epilog
from api.http.system import clock_ms
from privacy.audit.black_box.black_box import BlackBox
from privacy.audit.black_box.campaign_scale import QUICK, WHOLE
from privacy.audit.black_box.http_deployment import HttpDeployment
from privacy.store.settings import CANARY_KEY, READ_KEYS

_RUN_BYTES = 4


@click.command(
    epilog=epilog(
        "likewise keys create --plane public --owner reviewer --scopes read --rate-limit 1000000",
        "likewise keys create --plane platform --owner reviewer --scopes canary --rate-limit 100000",
        "likewise audit black-box --public-url http://127.0.0.1:8080 --read-key lw_public_… --read-key … \\",
        "  --platform-url http://127.0.0.1:8081 --canary-key lw_platform_… --quick",
    )
)
@click.option("--public-url", required=True, help="Address of the public plane.")
@click.option(
    "--read-key",
    "read_keys",
    multiple=True,
    required=True,
    envvar=READ_KEYS.name,
    show_envvar=True,
    help="API key of the public plane with the scope `read`; give at least two for the collusion attack.",
)
@click.option("--platform-url", required=True, help="Address of the platform plane.")
@click.option(
    "--canary-key",
    required=True,
    envvar=CANARY_KEY.name,
    show_envvar=True,
    help="API key of the platform plane with the scope `canary`.",
)
@click.option(
    "--logs",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of the deployment's logs, if you have it; it is searched for ids and keys.",
)
@click.option(
    "--store-url",
    help="The public plane's own redis://public:password@host:port, if you have it; its access is tested.",
)
@click.option(
    "--report",
    "report_file",
    type=OutputFile(),
    help="Write the report to a self-contained HTML file.",
)
@click.option("--quick", is_flag=True, help="Smaller samples; takes about a minute.")
@json_option
def command(  # noqa: PLR0913 - one argument per option
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
    """Attack a running deployment from outside, with read keys and a canary key only.

    Plants canary accounts and videos in the sandbox (the same code and policy with a compressed schedule) and
    reports the success of every attack next to the maximum that the claimed guarantee allows. Exits with 1 if
    an attack succeeds or cannot be finished.
    """
    with (
        closing(
            HttpDeployment(public_url, read_keys, platform_url, canary_key, clock_ms, time.sleep)
        ) as deployment,
        progress(quiet=as_json) as bars,
    ):
        black_box = BlackBox(
            deployment=deployment,
            scale=QUICK if quick else WHOLE,
            clock=clock_ms,
            wait=time.sleep,
            stopwatch=time.perf_counter,
            coins=np.random.default_rng(),
            run=os.urandom(_RUN_BYTES).hex(),
            logs=logs,
            store_url=store_url,
            secrets=(*read_keys, canary_key),
        )
        report = black_box.audit(SectionBars(bars))
    return deliver_report(report, as_json=as_json, report_file=report_file)
