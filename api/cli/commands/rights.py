"""`likewise rights`: carries out data-subject requests from the command line."""

import json
import os
from functools import partial
from pathlib import Path

import click
from redis import Redis

from api.cli.console import confirm, echo, show_json, write
from api.cli.options import account_argument, data_folder_option, note_option, staff_options
from api.cli.parameters import STDOUT, AccountCommand, OutputFile
from api.http.command import epilog
from api.http.system import clock_ms
from api.http.terminal import make_line
from api.runtime.platform_client import PlatformClient
from api.runtime.settings import operator_settings
from privacy.maintenance.subject_access import SubjectAccess
from privacy.moderation.audit_trail import OPERATOR, ActionStage, AuditEntry, AuditTrail, run_audited
from privacy.policy.registry import read_registered_policies
from privacy.store.connect import connect
from privacy.store.credentials import write_private
from privacy.store.header import StoreHeader
from privacy.store.settings import PSEUDONYM_KEY_FILE, Settings, names_for
from privacy.store.users import MAINTENANCE
from privacy.vault.pseudonym_key_file import load_pseudonymiser, load_store_keys
from privacy.vault.shards import AccountShards, PseudonymKeys

_key_file_option = click.option(
    "--key-file",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar=PSEUDONYM_KEY_FILE.name,
    show_envvar=True,
    help="Pseudonym key file, if it is not in the data folder.",
)


@click.group(
    epilog=epilog(
        "likewise rights access a-2001 --output a-2001.json --note 'request 2026/117'",
        "likewise rights erase a-2001 --note 'request 2026/118'",
        "likewise rights object a-2001 --note 'request 2026/119'",
    )
)
def command() -> None:
    """Carry out data-subject requests: access, erasure, objection, opt-out.

    `erase`, `object` and `opt-out` call a running platform plane with an API key that has the scope
    `privacy`. The other commands need the operator's shell.
    """


@command.command(
    cls=AccountCommand,
    epilog=epilog(
        "likewise rights erase a-2001 --note 'request 2026/118'",
        "likewise rights erase a-2001 --note 'request 2026/118' --yes     for machines: asks nothing",
    ),
)
@account_argument
@click.option("--child", is_flag=True, help="The account belongs to a child.")
@click.option("--yes", "is_certain", is_flag=True, help="Do not ask.")
@note_option
@staff_options
def erase(*, account_id: str, child: bool, is_certain: bool, note: str, platform_url: str, key: str) -> None:
    """Erase ACCOUNT_ID and print a receipt.

    Asks first, because this cannot be undone. The receipt is for the person. It is shown only once, because
    only its hash is stored.
    """
    if not is_certain:
        confirm(f"Erase the account {account_id} for good?")
    path = "/v1/rights/children" if child else "/v1/rights/erasures"
    show_json(PlatformClient(platform_url, key).post_json(path, {"account_id": account_id, "note": note}))


def _add_choice(name: str, path: str, field: str, *, noun: str, summary: str) -> None:
    """Adds a command that records a choice of a person, or its withdrawal.

    Args:
        name: of the command.
        path: of the platform plane.
        field: of the request; true unless the choice is withdrawn.
        noun: names the choice in the help of `--withdraw`.
        summary: help of the command.
    """

    @command.command(
        name,
        cls=AccountCommand,
        help=summary,
        epilog=epilog(f"likewise rights {name} a-2001 --note 'request 2026/119'"),
    )
    @account_argument
    @click.option("--withdraw", is_flag=True, help=f"Withdraw the {noun}.")
    @note_option
    @staff_options
    def choose(*, account_id: str, withdraw: bool, note: str, platform_url: str, key: str) -> None:
        choice = {"account_id": account_id, field: not withdraw, "note": note}
        show_json(PlatformClient(platform_url, key).post_json(path, choice))


_add_choice(
    "object",
    "/v1/rights/objections",
    "objects",
    noun="objection",
    summary="Record an objection.\n\nExcludes ACCOUNT_ID from all counts.",
)
_add_choice(
    "opt-out",
    "/v1/rights/opt-outs",
    "hidden",
    noun="opt-out",
    summary="Record an opt-out.\n\nExcludes ACCOUNT_ID from all breakdowns from now on.",
)


@command.command(
    cls=AccountCommand,
    epilog=epilog(
        "likewise rights access a-2001 --output a-2001.json --note 'request 2026/117'",
        variables=names_for(MAINTENANCE),
    ),
)
@account_argument
@click.option(
    "--output",
    type=OutputFile(is_private=True, may_be_stdout=True),
    required=True,
    help="File for the person, readable by its owner only; - is stdout, for a program that encrypts it.",
)
@note_option
@data_folder_option
@_key_file_option
def access(*, account_id: str, output: Path, note: str, data_folder: Path, key_file: Path | None) -> None:
    """Write all data held about ACCOUNT_ID to a file.

    This is not possible over the network. It needs the operator's shell: the maintenance user's
    settings in the environment or the data folder of a running `likewise up`, and the pseudonym keys.
    """
    client, header = _connect(data_folder)
    keys = PseudonymKeys(partial(load_store_keys, _key_file(data_folder, key_file), header))
    shards = AccountShards(client, keys, header.account_shards)
    reader = SubjectAccess(shards, header.target_shards, read_registered_policies(client))
    entry = AuditEntry(
        ActionStage.REQUESTED, "rights.access", *OPERATOR, note, keys.current.derive_audit_tag(account_id)
    )
    document = run_audited(
        AuditTrail(client),
        entry,
        lambda: reader.build_document(account_id, clock_ms()),
        lambda held: {"engagements": len(held.get("engagements", ()))},
    )
    if output == STDOUT:
        show_json(document)
        return
    write_private(output, json.dumps(document, indent=2) + "\n")
    echo(f"Written to {make_line(str(output))}. Hand it over, then delete it.")


@command.command("account-tag", cls=AccountCommand, epilog=epilog("likewise rights account-tag a-2001"))
@account_argument
@data_folder_option
@_key_file_option
def account_tag(*, account_id: str, data_folder: Path, key_file: Path | None) -> None:
    """Print the audit-trail tag of ACCOUNT_ID."""
    write(load_pseudonymiser(_key_file(data_folder, key_file)).derive_audit_tag(account_id))


def _connect(data_folder: Path) -> tuple[Redis, StoreHeader]:
    """Connects to the private room as the maintenance process does, and reads the store's header."""
    settings = operator_settings(data_folder, os.environ).store
    header = StoreHeader.read(connect(settings, MAINTENANCE))
    return connect(settings, MAINTENANCE, greet=header.greet), header


def _key_file(data_folder: Path, named: Path | None) -> Path:
    return named or Settings.from_environment(os.environ, data_folder).pseudonym_key_file
