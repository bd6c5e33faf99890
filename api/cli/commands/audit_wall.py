"""`likewise audit wall`: shows that the public plane reaches only the gallery."""

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
from privacy.store.settings import names_for
from privacy.store.users import PUBLIC


@click.command(
    epilog=epilog(
        "likewise audit wall                    the embedded store of a running `likewise up`",
        "likewise audit wall --data-folder /var/lib/likewise --json",
        variables=names_for(PUBLIC),
    )
)
@data_folder_option
@json_option
def command(data_folder: Path, *, as_json: bool) -> ExitCode:
    """Test the wall between the public plane and everything else.

    Tries every Redis command on every key family with the public plane's credentials, with arguments that do
    no harm. Then tests a login to the private room's server, if that is a separate one; the modules that the
    plane's code loads; the import contracts, if import-linter is installed; and the contents of its image.
    Uses the store named in the environment, or the embedded store of a running `likewise up`. Exits with 1 if
    the wall has a hole.
    """
    started = time.monotonic()
    with progress(quiet=as_json) as bars:
        sections = wall_sections(operator_settings(data_folder, os.environ).store, SectionBars(bars))
    report = AuditReport(
        title="Wall",
        claim="The code and credentials of the public plane can read the gallery, and can do nothing else.",
        facts=(("program", f"Likewise {version('likewise')}"),),
        made_at=format_timestamp(clock_ms()),
        seconds=round(time.monotonic() - started, 1),
        sections=tuple(sections),
    )
    return deliver_report(report, as_json=as_json)
