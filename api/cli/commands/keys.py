"""`likewise keys`: creates, lists and revokes API keys; rotates the key of the pseudonyms."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.table import Table

from api.cli.console import echo, progress, show, show_json
from api.cli.options import data_folder_option, json_option
from api.http.api_key_reader import KeyRecord
from api.http.api_keys import PLANE_SCOPES
from api.http.command import epilog
from api.http.system import clock_ms, entropy, monotonic_seconds, rest
from api.platform.wsgi import KEY_FILE_VARIABLE
from api.runtime.api_keys import ApiKeys, ApiKeySpec
from api.runtime.settings import PSEUDONYM_KEY_FILE, operator_settings
from privacy.maintenance.key_rotation import Rotation
from privacy.maintenance.throttle import Throttle
from privacy.model.timestamp import format_timestamp
from privacy.store.connect import connect
from privacy.store.header import StoreHeader
from privacy.store.users import REKEYER
from privacy.vault.pseudonym_key_file import begin_rotation, end_rotation, load_pseudonymiser
from privacy.vault.shards import AccountShards, PseudonymKeys

_plane_option = click.option(
    "--plane", type=click.Choice(sorted(PLANE_SCOPES)), required=True, help="Plane that the key is for."
)


@click.group(
    epilog=epilog(
        "likewise keys create --plane public --owner acme --scopes read,audit",
        "likewise keys list --plane public",
        "likewise keys revoke --plane public 0123456789abcdef",
    )
)
def command() -> None:
    """Create, list and revoke API keys, and rotate the key of the pseudonyms.

    The store is the one that the environment names (LIKEWISE_REDIS_URL and LIKEWISE_ADMIN_PASSWORD), or the
    embedded one of a running `likewise up`.
    """


@command.command(
    epilog=epilog(
        "likewise keys create --plane public --owner acme --scopes read",
        "likewise keys create --plane platform --owner feed --scopes ingest --days 365",
    )
)
@_plane_option
@click.option("--owner", required=True, help="Whose key it is; at most two live keys an owner.")
@click.option("--scopes", required=True, help="What it may do, such as read,audit.")
@click.option(
    "--days", type=click.IntRange(1, 3650), default=90, show_default=True, help="After which it expires."
)
@click.option(
    "--rate-limit",
    type=click.IntRange(1, 10_000_000),
    default=600,
    show_default=True,
    help="Its rate limit.",
)
@data_folder_option
@json_option
def create(
    plane: str, owner: str, scopes: str, days: int, requests_per_minute: int, data_folder: Path, as_json: bool
) -> None:
    """Create a key and print it: once, since only its hash is kept."""
    wanted = [scope.strip() for scope in scopes.split(",")]
    token, record = _ring(data_folder, plane).create(ApiKeySpec(owner, wanted, days, requests_per_minute))
    if as_json:
        show_json({"token": token, **_document(plane, record)})
        return
    echo(f"Key {record.key_id} of {owner}, until {format_timestamp(record.expires_at_ms)}. Shown this once:")
    click.echo(token)


@command.command("list", epilog=epilog("likewise keys list --plane public --json"))
@_plane_option
@data_folder_option
@json_option
def list_keys(plane: str, data_folder: Path, as_json: bool) -> None:
    """List the keys of a plane, revoked and expired ones too."""
    ring = _ring(data_folder, plane)
    records = ring.writer.records()
    if as_json:
        show_json([_document(plane, record) | {"live": ring.is_live(record)} for record in records])
        return
    table = Table("key", "owner", "scopes", "requests a minute", "created", "expires", "state")
    for record in records:
        table.add_row(
            record.key_id,
            record.owner,
            ", ".join(record.scopes),
            str(record.requests_per_minute),
            format_timestamp(record.created_at_ms),
            format_timestamp(record.expires_at_ms),
            _state(ring, record),
        )
    show(table)


@command.command(epilog=epilog("likewise keys revoke --plane public 0123456789abcdef"))
@_plane_option
@click.argument("key_id")
@data_folder_option
@json_option
def revoke(plane: str, key_id: str, data_folder: Path, as_json: bool) -> None:
    """Revoke a key; serving processes notice within a second."""
    record = _ring(data_folder, plane).writer.revoke(key_id, clock_ms())
    if as_json:
        show_json(_document(plane, record))
    else:
        echo(f"Key {record.key_id} of {record.owner} is revoked.")


@command.command(
    "rotate-pseudonyms",
    epilog=epilog(
        "likewise keys rotate-pseudonyms              the embedded store of a running `likewise up`",
        "LIKEWISE_REDIS_URL=… LIKEWISE_REKEYER_PASSWORD=… LIKEWISE_PSEUDONYM_KEY_FILE=F \\",
        "  likewise keys rotate-pseudonyms",
    ),
)
@data_folder_option
@json_option
def rotate_pseudonyms(data_folder: Path, as_json: bool) -> None:
    """Put a new pseudonym key in force, move every account to it, and destroy the key before.

    Intake goes on meanwhile, and no count changes. Killed at any moment, it goes on when it is called again.
    The key file must be the one that the platform plane reads.
    """
    key_file = Path(os.environ.get(KEY_FILE_VARIABLE, data_folder / PSEUDONYM_KEY_FILE))
    settings = operator_settings(data_folder, os.environ)
    header = StoreHeader.read(connect(settings, REKEYER))
    begin_rotation(key_file, entropy)
    keys = PseudonymKeys(partial(load_pseudonymiser, key_file))
    client = connect(settings, REKEYER, greet=header.greet)
    with progress(quiet=as_json) as bars:
        task = bars.add_task("accounts", total=None)
        shards = AccountShards(client, keys, header.account_shards)
        courtesy = Throttle.to_all(monotonic_seconds, rest)
        moved = Rotation(shards, courtesy).run(lambda count: bars.advance(task, count))
    end_rotation(key_file)
    if as_json:
        show_json({"moved": moved, "generation": keys.current.generation})
    else:
        echo(
            f"{moved:,} accounts moved. The key before is gone from its file; a restart takes it from memory."
        )


def _ring(data_folder: Path, plane: str) -> ApiKeys:
    return ApiKeys.open(operator_settings(data_folder, os.environ), plane, clock_ms, entropy)


def _document(plane: str, record: KeyRecord) -> dict[str, Any]:
    """A record as operators may see it: without the hash of the secret."""
    document: dict[str, Any] = msgspec.to_builtins(record)
    del document["secret_sha256"]
    for name in ("created", "expires", "revoked"):
        moment_ms = document.pop(f"{name}_at_ms")
        document[f"{name}_at"] = None if moment_ms is None else format_timestamp(moment_ms)
    return {"plane": plane, **document}


def _state(ring: ApiKeys, record: KeyRecord) -> str:
    if record.revoked_at_ms is not None:
        return f"revoked {format_timestamp(record.revoked_at_ms)}"
    return "live" if ring.is_live(record) else "expired"
