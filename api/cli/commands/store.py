"""`likewise store`: repairs what only an operator may decide about a store."""

import os
from pathlib import Path

import click

from api.cli.commands import store_check
from api.cli.console import echo, show_json
from api.cli.options import data_folder_option, json_option, note_option
from api.http.command import epilog
from api.http.system import clock_ms, uptime
from api.runtime.settings import operator_settings
from privacy.model.timestamp import format_timestamp
from privacy.moderation.audit_trail import OPERATOR, ActionStage, AuditEntry, AuditTrail, run_audited
from privacy.store.checks import check_clock, require
from privacy.store.clock import Acceptance, StoreClock
from privacy.store.connect import connect
from privacy.store.header import StoreHeader
from privacy.store.settings import names_for
from privacy.store.users import MAINTENANCE


@click.group(
    epilog=epilog(
        "likewise store accept-clock --note 'switched off for a month'",
        "likewise store check --fix /var/lib/redis",
    )
)
def command() -> None:
    """Decide what a store cannot decide by itself, and check the logs of servers that do not run."""


command.add_command(store_check.command)


@command.command(
    "accept-clock",
    epilog=epilog(
        "likewise store accept-clock --note 'switched off for a month'",
        "likewise store accept-clock --note 'moved to another machine' --data-folder /var/lib/likewise",
        variables=names_for(MAINTENANCE),
    ),
)
@note_option
@data_folder_option
@json_option
def accept_clock(*, note: str, data_folder: Path, as_json: bool) -> None:
    """Believe the store's clock as it is now.

    All processes rest when the store's clock has leapt, because what is sealed, swept or refused too early is
    lost. Compare the time that `likewise doctor` shows with a clock that you trust before you run this: then
    everything that is due by the store's clock is done. The audit trail records it. Uses the store named in
    the environment, or the embedded store of a running `likewise up`.
    """
    settings = operator_settings(data_folder, os.environ).store
    header = StoreHeader.read(connect(settings, MAINTENANCE))
    client = connect(settings, MAINTENANCE, greet=header.greet)
    require([check_clock(client, clock_ms)])
    accepted = run_audited(
        AuditTrail(client),
        AuditEntry(ActionStage.REQUESTED, "store.clock_accepted", *OPERATOR, note),
        StoreClock(client, clock_ms, uptime).accept,
        _document,
    )
    if as_json:
        show_json(_document(accepted))
    else:
        before = _format(accepted.before_ms) or "never"
        echo(f"The store's clock is believed from {_format(accepted.now_ms)} on; it was before at {before}.")


def _document(accepted: Acceptance) -> dict[str, str | None]:
    return {"before": _format(accepted.before_ms), "now": _format(accepted.now_ms)}


def _format(moment_ms: int | None) -> str | None:
    return None if moment_ms is None else format_timestamp(moment_ms)
