"""Staff actions on targets and engagements: takedowns, removals of single engagements, resyncs."""

from pathlib import Path
from typing import Any, Final

import click

from api.cli.console import show_json
from api.cli.options import account_argument, note_option, staff_options
from api.cli.parameters import TEXT, AccountCommand, parse_pairs
from api.cli.staff_lists import Row, check_members, read_rows
from api.http.command import epilog
from api.runtime.platform_client import PlatformClient
from privacy.errors import InvalidInputError
from privacy.model.engagement import Kind

_TARGETS: Final = ("video_id", "creator_id")
_file_argument = click.argument("file", type=click.Path(dir_okay=False, exists=True, path_type=Path))
_kind_option = click.option(
    "--kind", type=click.Choice([kind.label for kind in Kind]), required=True, help="The kind of engagement."
)


@click.command(
    epilog=epilog(
        "likewise moderation takedown take-down --video v-1 --reason copyright --note 'notice 17'",
        "likewise moderation takedown restore --video v-1 --note 'notice 17 withdrawn'",
    )
)
@click.argument("action", type=click.Choice(["take-down", "restore"]))
@click.option("--video", "video_id", type=TEXT, help="Id of the video.")
@click.option("--creator", "creator_id", type=TEXT, help="Id of the creator.")
@click.option("--reason", type=TEXT, help="The public reason, with take-down: copyright, law, owner, …")
@note_option
@staff_options
def takedown(
    *,
    action: str,
    video_id: str | None,
    creator_id: str | None,
    reason: str | None,
    note: str,
    platform_url: str,
    key: str,
) -> None:
    """Take a video or creator down, or restore it. Counting continues meanwhile."""
    if (video_id is None) == (creator_id is None):
        raise click.UsageError("name either --video or --creator.")
    named = {"video_id": video_id, "creator_id": creator_id, "reason": reason}
    body = {"action": action.replace("-", "_"), "note": note}
    body |= {name: value for name, value in named.items() if value is not None}
    show_json(PlatformClient(platform_url, key).post_json("/v1/moderation/targets", body))


@click.command(
    epilog=epilog(
        "likewise moderation engagements remove ring.csv --kind like --reason policy --note 'case 4711'",
        "likewise moderation engagements restore ring.csv --kind like --note 'case 4711, appeal'",
    )
)
@click.argument("action", type=click.Choice(["remove", "restore"]))
@_file_argument
@_kind_option
@click.option("--reason", type=TEXT, help="The reason, with remove: policy or inauthentic.")
@note_option
@staff_options
def engagements(
    *, action: str, file: Path, kind: str, reason: str | None, note: str, platform_url: str, key: str
) -> None:
    """Remove the engagements in FILE from the counts, or restore them.

    FILE has an account_id and a video_id or creator_id per line: as JSON objects, or as a CSV whose first
    line names these columns. The results come in the order of the lines.
    """
    columns = ("account_id", *_TARGETS)
    rows = check_members(read_rows(file, columns), _TARGETS, ("account_id",))
    for row in rows:
        if "account_id" not in row.members:
            raise InvalidInputError(f"line {row.line}", "names no account", "an account_id")
    body: dict[str, Any] = {"action": action, "note": note}
    body["engagements"] = [{**row.members, "kind": kind} for row in rows]
    if reason is not None:
        body["reason"] = reason
    show_json(PlatformClient(platform_url, key).post_json("/v1/moderation/engagements", body))


@click.command(
    cls=AccountCommand,
    epilog=epilog(
        "likewise moderation resync a-2001 likes.csv --kind like --as-of 2026-05-03T12:00:00Z \\",
        "  --profile age_band=25-34 --profile region=DE --note 'after the outage of 2 May'",
    ),
)
@account_argument
@_file_argument
@_kind_option
@click.option("--as-of", type=TEXT, required=True, help="Time at which the list was correct.")
@click.option("--profile", "pairs", type=TEXT, multiple=True, help="Dimension=value of new engagements.")
@click.option("--private", "is_private", is_flag=True, help="The account is private.")
@note_option
@staff_options
def resync(  # noqa: PLR0913 - one argument per option
    *,
    account_id: str,
    file: Path,
    kind: str,
    as_of: str,
    pairs: tuple[str, ...],
    is_private: bool,
    note: str,
    platform_url: str,
    key: str,
) -> None:
    """Repair the engagements of ACCOUNT_ID from the platform's complete list in FILE.

    FILE has a video_id or creator_id per line and perhaps its occurred_at: as JSON objects, as a CSV whose
    first line names these columns, or as one id per line.
    """
    target = "creator_id" if kind == Kind.FOLLOW.label else "video_id"
    rows = check_members(read_rows(file, (target, "occurred_at")), (target,), ("occurred_at",))
    body: dict[str, Any] = {
        "account_id": account_id,
        "kind": kind,
        "as_of": as_of,
        "note": note,
        "engagements": _members(rows),
    }
    if pairs:
        body["profile"] = parse_pairs("--profile", pairs)
    if is_private:
        body["visibility"] = "private"
    show_json(PlatformClient(platform_url, key).post_json("/v1/moderation/resyncs", body))


def _members(rows: list[Row]) -> list[dict[str, Any]]:
    return [row.members for row in rows]


COMMANDS: Final = (takedown, engagements, resync)
