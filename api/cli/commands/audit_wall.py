"""`likewise audit wall`: shows what the public plane cannot reach."""

from __future__ import annotations

import os
import time
from importlib.metadata import version
from pathlib import Path

import click

from api.audit.wall import wall_sections
from api.cli.console import SectionBars, progress
from api.cli.options import data_folder_option, json_option
from api.cli.report_text import deliver_report
from api.http.command import ExitCode, epilog
from api.http.system import clock_ms
from api.runtime.settings import operator_settings
from privacy.audit.report_model import AuditReport
from privacy.model.timestamp import format_timestamp


@click.command(
    epilog=epilog(
        "likewise audit wall                    the embedded store of a running `likewise up`",
        "LIKEWISE_GALLERY_URL=… LIKEWISE_PUBLIC_PASSWORD=… likewise audit wall --json",
    )
)
@data_folder_option
@json_option
def command(data_folder: Path, *, as_json: bool) -> ExitCode:
    """Try the wall between the public plane and everything else; exit 1 if it has a hole.

    With the public plane's credentials every command of Redis is tried on every family of keys, with
    arguments that would harm nothing. Then: a login at the private room's server, if that is another one;
    what the plane's code loads, the import contracts (where import-linter is installed), and what its image
    holds. The store is the one that the environment names (LIKEWISE_GALLERY_URL or LIKEWISE_REDIS_URL, and
    LIKEWISE_PUBLIC_PASSWORD), or the embedded one of a running `likewise up`.
    """
    started = time.monotonic()
    with progress(quiet=as_json) as bars:
        sections = wall_sections(operator_settings(data_folder, os.environ), SectionBars(bars))
    report = AuditReport(
        title="wall",
        claim="Code and credentials of the public plane reach the gallery, to read it, and nothing else.",
        facts=(("program", f"Likewise {version('likewise')}"),),
        made_at=format_timestamp(clock_ms()),
        seconds=round(time.monotonic() - started, 1),
        sections=tuple(sections),
    )
    return deliver_report(report, as_json=as_json)
