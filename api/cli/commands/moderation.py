"""`likewise moderation`: carries out actions of trust & safety staff from the command line."""

import gzip
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import click

from api.cli.commands import moderation_reports, moderation_targets
from api.cli.console import echo, progress, show_json, write
from api.cli.options import account_argument, json_option, note_option, staff_options
from api.cli.parameters import TEXT, AccountCommand
from api.cli.staff_lists import check_members, read_rows, to_lines
from api.http.command import ExitCode, epilog
from api.runtime.platform_client import NDJSON, PlatformClient
from privacy.errors import InvalidInputError, StoreBusyError

_POLL_SECONDS = 0.3
_NAMES = ("account_id", "handle")


@click.group(
    epilog=epilog(
        "likewise moderation purge bots.csv --note 'network of 3 May'",
        "likewise moderation account ban a-2001 --note 'case 4711'",
        "likewise moderation takedown take-down --video v-1 --reason copyright --note 'notice 17'",
        "likewise moderation audit-trail --limit 20",
    )
)
def command() -> None:
    """Ban accounts, purge bots, take targets down, repair accounts; show advisories, jobs, audit trail.

    Calls a running platform plane with an API key that has the scope `moderate`.
    """


for _part in (*moderation_targets.COMMANDS, *moderation_reports.COMMANDS):
    command.add_command(_part)


@command.command(
    epilog=epilog(
        "likewise moderation purge bots.csv --note 'network of 3 May'",
        "likewise moderation advisories --handles > bots.ndjson     a list that purge takes",
    )
)
@click.argument("file", type=click.Path(dir_okay=False, exists=True, path_type=Path))
@click.option("--reinstate", is_flag=True, help="Reverse a purge.")
@click.option("--no-wait", is_flag=True, help="Queue the job and do not wait for it.")
@note_option
@staff_options
@json_option
def purge(
    *, file: Path, reinstate: bool, no_wait: bool, note: str, platform_url: str, key: str, as_json: bool
) -> int:
    """Purge the accounts in FILE.

    FILE is a text in UTF-8: a JSON object per line with an account_id or a handle, a CSV whose first line
    names one of these columns, or an account id on each line.
    """
    client = PlatformClient(platform_url, key)
    rows = check_members(read_rows(file, _NAMES), _NAMES)
    query = urlencode({"action": "reinstate" if reinstate else "purge", "note": note})
    body = gzip.compress(to_lines(rows), compresslevel=1)
    job = check_job(client.send(f"/v1/moderation/purges?{query}", body, NDJSON, Content_Encoding="gzip"))
    if not no_wait:
        job = _wait_for_job(client, job, quiet=as_json)
    if as_json:
        show_json(job)
    else:
        echo(_summarize(job))
    return ExitCode.CHECK_FAILED if job["state"] == "failed" else ExitCode.OK


@command.command(epilog=epilog("likewise moderation job 17", "likewise moderation job 17 --watch"))
@click.argument("number", type=click.IntRange(1))
@click.option("--watch", is_flag=True, help="Wait until the job has ended.")
@staff_options
@json_option
def job(*, number: int, watch: bool, platform_url: str, key: str, as_json: bool) -> None:
    """Show the progress of job NUMBER."""
    client = PlatformClient(platform_url, key)
    found = check_job(client.get(f"/v1/jobs/{number}"))
    if watch:
        found = _wait_for_job(client, found, quiet=as_json)
    if as_json:
        show_json(found)
    else:
        write(_summarize(found))


@command.command(
    cls=AccountCommand,
    epilog=epilog(
        "likewise moderation account ban a-2001 --note 'case 4711'",
        "likewise moderation account restrict a-2001 --until 2026-06-03T00:00:00Z --note 'case 4711'",
    ),
)
@click.argument("action", type=click.Choice(["restrict", "ban", "reinstate", "delete"]))
@account_argument
@click.option("--until", type=TEXT, help="End of a restriction, as in 2026-06-03T00:00:00Z.")
@note_option
@staff_options
def account(
    *, action: str, account_id: str, until: str | None, note: str, platform_url: str, key: str
) -> None:
    """Restrict, ban, reinstate or delete ACCOUNT_ID."""
    body = {"action": action, "account_id": account_id, "note": note}
    if until is not None:
        body["until"] = until
    show_json(PlatformClient(platform_url, key).post_json("/v1/moderation/accounts", body))


def _wait_for_job(client: PlatformClient, found: dict[str, Any], *, quiet: bool) -> dict[str, Any]:
    """Polls a job until it has ended."""
    with progress(quiet=quiet) as bars:
        task = bars.add_task(f"job {found['job']}: {found['kind']}", total=found["accounts"])
        while True:
            bars.update(task, completed=found["done"])
            if found["state"] in ("done", "failed"):
                return found
            time.sleep(_POLL_SECONDS)  # the plane sends no notification
            try:
                found = check_job(client.get(f"/v1/jobs/{found['job']}"))
            except StoreBusyError:
                continue  # the job does not depend on this process


def check_job(found: dict[str, Any]) -> dict[str, Any]:
    """Returns a job.

    Raises:
        InvalidInputError: it is none, so something else answered.
    """
    for name, kind in (
        ("job", int),
        ("kind", str),
        ("accounts", int),
        ("done", int),
        ("state", str),
        ("counts", dict),
    ):
        if not isinstance(found.get(name), kind):
            raise InvalidInputError(
                "--platform-url", "answers with no job", "the address of a platform plane"
            )
    return found


def _summarize(found: dict[str, Any]) -> str:
    counts = ", ".join(f"{name} {count:,}" for name, count in found["counts"].items() if count)
    failure = found.get("failure")
    state = f"{found['state']} ({failure})" if failure else found["state"]
    done = f"{found['done']:,} of {found['accounts']:,} accounts"
    return f"Job {found['job']}: {state}, {done}; {counts or 'nothing'}."
