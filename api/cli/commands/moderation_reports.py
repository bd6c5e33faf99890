"""What staff look at: advisories, jobs and the audit trail."""

import json
from collections.abc import Callable
from typing import Any, Final

import click
from rich.table import Table

from api.cli.console import echo, show, show_json, write
from api.cli.options import json_option, staff_options
from api.cli.parameters import TEXT
from api.http.command import epilog
from api.runtime.platform_client import PlatformClient

_ALL: Final = 1_000_000


def _limit_option(default: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return click.option(
        "--limit", type=click.IntRange(1, _ALL), default=default, show_default=True, help="At most so many."
    )


@click.command(
    epilog=epilog(
        "likewise moderation advisories",
        "likewise moderation advisories --signal sequence --handles > bots.ndjson",
        "likewise moderation purge bots.ndjson --note 'advisory of 3 May'",
    )
)
@click.option("--signal", type=TEXT, help="Only those of this signal: bursts, network or sequence.")
@click.option(
    "--handles", "as_handles", is_flag=True, help="Print the accounts' handles, as purge takes them."
)
@staff_options
@json_option
def advisories(*, signal: str | None, as_handles: bool, platform_url: str, key: str, as_json: bool) -> None:
    """List suspicious activity that the latest daily sweep found."""
    client = PlatformClient(platform_url, key)
    found = list(client.list_items("/v1/moderation/advisories", "advisories", _ALL))
    kept = [advisory for advisory in found if signal in (None, advisory.get("signal"))]
    if as_handles:
        for handle in dict.fromkeys(handle for advisory in kept for handle in advisory.get("handles", ())):
            write(json.dumps({"handle": handle}))
    elif as_json:
        show_json(kept)
    else:
        table = Table("signal", "seen", "weight", "accounts")
        for advisory in kept:
            table.add_row(
                *_cells(advisory, "signal", "seen_at", "weight"), str(len(advisory.get("handles", ())))
            )
        show(table)


@click.command("audit-trail", epilog=epilog("likewise moderation audit-trail --limit 20"))
@click.option("--account-tag", type=TEXT, help="Only entries of this tag; see `likewise rights account-tag`.")
@_limit_option(100)
@staff_options
@json_option
def audit_trail(*, account_tag: str | None, limit: int, platform_url: str, key: str, as_json: bool) -> None:
    """List who did what, when and why, newest first."""
    client = PlatformClient(platform_url, key)
    wanted = limit if account_tag is None else _ALL
    entries = client.list_items("/v1/moderation/audit-trail", "entries", wanted)
    kept = [entry for entry in entries if account_tag in (None, entry.get("account_tag"))][:limit]
    if as_json:
        show_json(kept)
        return
    table = Table("at", "stage", "action", "owner", "note", "account", "details")
    for entry in kept:
        details = json.dumps(entry.get("details"), ensure_ascii=False)
        table.add_row(*_cells(entry, "at", "stage", "action", "owner", "note", "account_tag"), details)
    show(table)
    if len(kept) == limit:
        echo("There may be older entries; see --limit.")


@click.command(epilog=epilog("likewise moderation jobs", "likewise moderation jobs --limit 10 --json"))
@_limit_option(20)
@staff_options
@json_option
def jobs(*, limit: int, platform_url: str, key: str, as_json: bool) -> None:
    """List jobs, newest first."""
    found = list(PlatformClient(platform_url, key).list_items("/v1/jobs", "jobs", limit))
    if as_json:
        show_json(found)
        return
    table = Table("job", "kind", "state", "accounts", "done", "owner", "created", "note")
    for job in found:
        table.add_row(*_cells(job, "job", "kind", "state", "accounts", "done", "owner", "created_at", "note"))
    show(table)


def _cells(document: dict[str, Any], *names: str) -> list[str]:
    return ["" if document.get(name) is None else str(document[name]) for name in names]


COMMANDS: Final = (advisories, audit_trail, jobs)
