"""`likewise rights`: what people may ask for, from the command line."""

from __future__ import annotations

import json
import os
from functools import partial
from pathlib import Path

import click

from api.cli.console import echo, show_json
from api.cli.options import account_argument, data_folder_option, note_option, staff_options
from api.http.command import epilog
from api.http.system import clock_ms
from api.runtime.platform_client import PlatformClient
from api.runtime.settings import PSEUDONYM_KEY_FILE, operator_settings
from privacy.maintenance.rebuild_erasure_log import ErasureLogRebuild
from privacy.maintenance.subject_access import Access
from privacy.moderation.audit_trail import ActionStage, Actor, AuditEntry, AuditTrail, audited
from privacy.policy.registry import stored_policies
from privacy.rollback.erasure_log import ErasureLog
from privacy.rollback.erasure_watermark import ErasureWatermark
from privacy.rollback.folder import never_restore_folder
from privacy.store.connect import connect
from privacy.store.credentials import write_private
from privacy.store.header import StoreHeader
from privacy.store.users import STEWARD
from privacy.vault.pseudonym_key_file import load_pseudonymiser
from privacy.vault.shards import AccountShards, PseudonymKeys

OPERATOR = Actor("operator", "")
_key_file_option = click.option(
    "--key-file",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="LIKEWISE_PSEUDONYM_KEY_FILE",
    help="Keys of the pseudonyms, where they are not in the data folder.",
)


@click.group(
    epilog=epilog(
        "likewise rights access a-2001 --output a-2001.json --note 'request 2026/117'",
        "likewise rights erase a-2001 --note 'request 2026/118'",
        "likewise rights object a-2001 --note 'request 2026/119'",
    )
)
def command() -> None:
    """Answer what people ask for: access, erasure, objection, opt-out.

    All but `access`, `rebuild-list` and `tag` ask a running platform plane, with a key of the scope `privacy`
    in LIKEWISE_PLATFORM_KEY.
    """


@command.command(epilog=epilog("likewise rights erase a-2001 --note 'request 2026/118'"))
@account_argument
@click.option("--child", is_flag=True, help="The account was found to be a child's.")
@note_option
@staff_options
def erase(*, account_id: str, child: bool, note: str, platform_url: str, key: str) -> None:
    """Erase ACCOUNT_ID, and print the receipt for the person: once, since only its hash is kept."""
    path = "/v1/rights/children" if child else "/v1/rights/erasures"
    show_json(PlatformClient(platform_url, key).order(path, {"account_id": account_id, "note": note}))


@command.command("object", epilog=epilog("likewise rights object a-2001 --note 'request 2026/119'"))
@account_argument
@click.option("--withdraw", is_flag=True, help="Take the objection back.")
@note_option
@staff_options
def object_to(*, account_id: str, withdraw: bool, note: str, platform_url: str, key: str) -> None:
    """Count ACCOUNT_ID nowhere any more."""
    order = {"account_id": account_id, "objects": not withdraw, "note": note}
    show_json(PlatformClient(platform_url, key).order("/v1/rights/objections", order))


@command.command("opt-out", epilog=epilog("likewise rights opt-out a-2001 --note 'request 2026/120'"))
@account_argument
@click.option("--withdraw", is_flag=True, help="Take the opt-out back.")
@note_option
@staff_options
def opt_out(*, account_id: str, withdraw: bool, note: str, platform_url: str, key: str) -> None:
    """Keep ACCOUNT_ID out of every breakdown from now on."""
    order = {"account_id": account_id, "hidden": not withdraw, "note": note}
    show_json(PlatformClient(platform_url, key).order("/v1/rights/opt-outs", order))


@command.command(
    epilog=epilog("likewise rights access a-2001 --output a-2001.json --note 'request 2026/117'")
)
@account_argument
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="File for the person; only its owner may read it.",
)
@note_option
@data_folder_option
@_key_file_option
def access(*, account_id: str, output: Path, note: str, data_folder: Path, key_file: Path | None) -> None:
    """Write all that is held of ACCOUNT_ID to a file. Nobody can do so over the network.

    Needs the operator's shell: the store's addresses and LIKEWISE_STEWARD_PASSWORD from the environment, or
    the data folder of a running `likewise up`; and the keys of the pseudonyms.
    """
    settings = operator_settings(data_folder, os.environ)
    keys = _keys(data_folder, key_file)
    header = StoreHeader.read(connect(settings, STEWARD))
    client = connect(settings, STEWARD, greet=header.greet)
    shards = AccountShards(client, keys, header.account_shards)
    reader = Access(shards, header.target_shards, stored_policies(client))
    entry = AuditEntry(
        ActionStage.ASKED, "rights.access", *OPERATOR, note, keys.current.audit_tag(account_id)
    )
    document = audited(
        AuditTrail(client),
        entry,
        lambda: reader.document(account_id, clock_ms()),
        lambda held: {"engagements": len(held.get("engagements", ()))},
    )
    write_private(output, json.dumps(document, indent=2) + "\n")
    echo(f"Written to {output}. Hand it over, and delete it.")


@command.command("rebuild-list", epilog=epilog("likewise rights rebuild-list"))
@data_folder_option
def rebuild_list(*, data_folder: Path) -> None:
    """Make the list of erasures anew from the tombstones of the store, where the list was lost.

    The list is outside the store, so that a restored store erases again. Made anew it is as complete as the
    store is: never do this on a store that was restored, or its backup's erasures are lost. Needs the
    operator's shell: the store's addresses, LIKEWISE_STEWARD_PASSWORD and LIKEWISE_NEVER_RESTORE_FOLDER from
    the environment, or the data folder of a running `likewise up`.
    """
    settings = operator_settings(data_folder, os.environ)
    header = StoreHeader.read(connect(settings, STEWARD))
    client = connect(settings, STEWARD, greet=header.greet)
    erasures = ErasureLog(never_restore_folder(os.environ, data_folder), header.store_id)
    listed = ErasureLogRebuild(ErasureWatermark(client, erasures), header.account_shards).run(clock_ms())
    echo(f"{listed} erasures are in {erasures.path}.")


@command.command(epilog=epilog("likewise rights tag a-2001"))
@account_argument
@data_folder_option
@_key_file_option
def tag(*, account_id: str, data_folder: Path, key_file: Path | None) -> None:
    """Print the tag by which the audit trail names ACCOUNT_ID."""
    click.echo(_keys(data_folder, key_file).current.audit_tag(account_id))


def _keys(data_folder: Path, key_file: Path | None) -> PseudonymKeys:
    return PseudonymKeys(partial(load_pseudonymiser, key_file or data_folder / PSEUDONYM_KEY_FILE))
