"""`likewise doctor`: is this deployment as it must be?"""

from __future__ import annotations

import os
from pathlib import Path

import click
from rich.table import Table
from rich.text import Text

from api.cli.console import show, show_json
from api.cli.options import data_folder_option, json_option
from api.http.command import ExitCode, epilog
from api.http.system import clock_ms
from api.runtime.diagnostics import Diagnostics
from api.runtime.settings import operator_settings
from privacy.rollback.folder import never_restore_folder


@click.command(
    epilog=epilog(
        "likewise doctor                      the embedded store of a running `likewise up`",
        "likewise doctor --json",
        "LIKEWISE_REDIS_URL=… LIKEWISE_ADMIN_PASSWORD=… likewise doctor",
    )
)
@data_folder_option
@json_option
@click.pass_context
def command(context: click.Context, data_folder: Path, as_json: bool) -> None:
    """Check Redis, clock, ACL, wall, header, erasures and files of secrets; exit 1 if one is bad.

    The store is the one that the environment names (LIKEWISE_REDIS_URL and LIKEWISE_ADMIN_PASSWORD; with
    LIKEWISE_PUBLIC_PASSWORD the wall is tried as well), or the embedded one of a running `likewise up`.
    """
    settings = operator_settings(data_folder, os.environ)
    key_file = os.environ.get("LIKEWISE_PSEUDONYM_KEY_FILE")
    ledger_key_file = os.environ.get("LIKEWISE_LEDGER_KEY_FILE")
    kept = never_restore_folder(os.environ, Path(key_file).parent if key_file else data_folder)
    findings = Diagnostics(settings, data_folder, key_file, ledger_key_file, kept, clock_ms).findings()
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
