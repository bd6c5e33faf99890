"""`likewise policy`: shows and checks a policy; retires versions that no target is bound to."""

import os
from collections.abc import Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import click
from redis import Redis

from api.cli.console import echo, show, show_json
from api.cli.options import data_folder_option, json_option, note_option
from api.cli.parameters import TEXT
from api.cli.policy_tables import policy_tables
from api.http.command import ExitCode, epilog
from api.runtime.policy_retirement import PolicyRetirement
from api.runtime.settings import operator_store
from privacy.errors import PolicyError
from privacy.gallery.reader import GalleryReader
from privacy.mechanism.guarantee import guarantee
from privacy.model.documents import GuaranteeDocument
from privacy.moderation.audit_trail import OPERATOR, ActionStage, AuditEntry, AuditTrail, run_audited
from privacy.policy.file import DEFAULT_POLICY_PATH, load_policy
from privacy.store.acl import AclUser, Room
from privacy.store.connect import connect
from privacy.store.header import StoreHeader
from privacy.store.settings import POLICY, names_for
from privacy.store.users import ADMIN, MAINTENANCE, PUBLIC

_file_argument = click.argument(
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    default=DEFAULT_POLICY_PATH,
    envvar=POLICY.name,
)


@click.group(
    epilog=epilog(
        "likewise policy show", "likewise policy show --json mine.toml", "likewise policy check mine.toml"
    )
)
def command() -> None:
    """Show and check a policy: FILE, the file named in the environment, or the packaged policy.

    `retire` takes a version back from a store.
    """


@command.command(
    "show", epilog=epilog("likewise policy show", "likewise policy show --json | jq .kinds.like.epsilon")
)
@_file_argument
@json_option
def show_policy(file: Path, as_json: bool) -> None:
    """Show a policy and its guarantee.

    Shows everything the policy declares and everything that follows from it.
    """
    document = _guarantee(file)
    if as_json:
        show_json(document)
    else:
        show(*policy_tables(document))


@command.command(epilog=epilog("likewise policy check mine.toml"))
@_file_argument
@json_option
@click.pass_context
def check(context: click.Context, file: Path, as_json: bool) -> None:
    """Check a policy without showing it.

    An error names the field, the value and the rule. What is allowed and has no effect is remarked on.
    """
    try:
        document = _guarantee(file)
    except PolicyError as error:
        if not as_json:
            raise
        show_json({"ok": False, "file": str(file), "error": str(error)})
        context.exit(ExitCode.POLICY_ERROR)
    remarks = _list_remarks(document["contribution"])
    if as_json:
        show_json({"ok": True, "file": str(file), "version": document["version"], "remarks": remarks})
        return
    show(f"{file}: version {document['version']} is valid.")
    for remark in remarks:
        echo(remark)


@command.command(
    epilog=epilog(
        "likewise policy retire 2026-11-trial --note 'registered by mistake'",
        "likewise policy retire 2026-11-trial --note 'not used' --data-folder /var/lib/likewise",
        variables=names_for(ADMIN, PUBLIC, MAINTENANCE),
    )
)
@click.argument("version", type=TEXT)
@note_option
@data_folder_option
@json_option
def retire(*, version: str, note: str, data_folder: Path, as_json: bool) -> None:
    """Take VERSION back from the store, if no target is bound to it.

    From then on it takes no target. A version that targets or canaries are bound to is refused, and so is the
    one in force. A version that breaks a rule, so that no process starts, can be retired as well. The audit
    trail records it. Uses the store named in the environment, or the embedded store of the data folder,
    whether or not `likewise up` runs.
    """
    with operator_store(data_folder, os.environ) as settings, ExitStack() as held:

        def open_client(user: AclUser, room: Room) -> Redis:
            return held.enter_context(closing(connect(settings, user, room)))

        admin = open_client(ADMIN, Room.PRIVATE)
        trail = AuditTrail(open_client(MAINTENANCE, Room.PRIVATE))
        retirement = PolicyRetirement(
            admin, StoreHeader.read(admin), GalleryReader(open_client(PUBLIC, Room.GALLERY))
        )
        entry = AuditEntry(
            ActionStage.REQUESTED, "policy.retire", *OPERATOR, note, details={"version": version}
        )
        limits = run_audited(
            trail, entry, lambda: retirement.retire(version), lambda found: {"limits": found}
        )
    if as_json:
        show_json({"version": version, "limits": limits})
        return
    echo(f"The policy {version} is retired.")
    if limits is None:
        echo("Another version breaks a rule, so the limits in force stay as they are: retire it, too.")


def _list_remarks(contribution: Mapping[str, Any]) -> list[str]:
    """Returns what is allowed and has no effect."""
    day, month = contribution["daily_cap"], contribution["monthly_cap"]
    if month is None or day <= month:
        return []
    return [f"contribution.daily_cap: is {day}, which no day reaches: contribution.monthly_cap is {month}."]


def _guarantee(file: Path) -> GuaranteeDocument:
    return guarantee(load_policy(file))
