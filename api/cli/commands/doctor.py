"""`likewise doctor`: checks a deployment."""

import os
from pathlib import Path

import click
from rich.table import Table
from rich.text import Text

from api.cli.console import show, show_json
from api.cli.options import data_folder_option, json_option
from api.http.command import ExitCode, epilog
from api.http.system import clock_ms, uptime
from api.runtime.diagnostics import Diagnostics
from api.runtime.settings import operator_settings
from privacy.store.settings import names_read_by
from privacy.store.users import Process


@click.command(
    epilog=epilog(
        "likewise doctor",
        "likewise doctor --data-folder /var/lib/likewise --json",
        variables=names_read_by(Process.OPERATOR),
    )
)
@data_folder_option
@json_option
@click.pass_context
def command(context: click.Context, data_folder: Path, as_json: bool) -> None:
    """Check Redis, clock, ACL, wall, headers, erasures and secret files; exit with 1 if one check fails.

    Checks the store named in the environment, or the embedded store of a running `likewise up`. Needs the
    admin's password; with the public user's password, the wall is tested as well.
    """
    findings = Diagnostics(operator_settings(data_folder, os.environ), data_folder, clock_ms, uptime).run()
    healthy = all(finding.ok for _, finding in findings)
    if as_json:
        show_json(
            {
                "ok": healthy,
                "findings": [
                    {"where": where, "name": finding.name, "ok": finding.ok, "detail": finding.detail}
                    for where, finding in findings
                ],
            }
        )
    else:
        table = Table("where", "what", "", "found")
        for where, finding in findings:
            verdict = Text("ok", "green") if finding.ok else Text("BAD", "bold red")
            table.add_row(where, finding.name, verdict, finding.detail)
        show(table)
    context.exit(ExitCode.OK if healthy else ExitCode.CHECK_FAILED)
