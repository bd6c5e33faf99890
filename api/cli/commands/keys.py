"""`likewise keys`: creates, lists and revokes API keys; rotates the pseudonym key."""

import os
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.table import Table

from api.cli.console import echo, progress, show, show_json, write
from api.cli.options import data_folder_option, json_option
from api.cli.parameters import TEXT, TEXT_LIST
from api.http.api_keys import PLANE_SCOPES, KeyRecord
from api.http.caller import ReaderLimits
from api.http.command import epilog
from api.http.system import entropy, monotonic_seconds, rest
from api.runtime.api_keys import ApiKeys, ApiKeySpec, is_live
from api.runtime.settings import operator_settings
from privacy.maintenance.key_rotation import KeyRotation
from privacy.maintenance.throttle import Throttle
from privacy.model.timestamp import format_timestamp
from privacy.store.checks import require
from privacy.store.connect import connect
from privacy.store.header import StoreHeader
from privacy.store.rights import check_rights
from privacy.store.settings import PSEUDONYM_KEY_FILE, PUBLIC_URL, names_for
from privacy.store.users import ADMIN, REKEYER
from privacy.vault.keys_in_force import KeysInForce
from privacy.vault.pseudonym_key_file import begin_rotation, end_rotation, load_store_keys
from privacy.vault.shards import AccountShards, PseudonymKeys

_plane_option = click.option(
    "--plane", type=click.Choice(sorted(PLANE_SCOPES)), required=True, help="Plane that accepts the key."
)


@click.group(
    epilog=epilog(
        "likewise keys create --plane public --owner acme --scopes read,audit",
        "likewise keys list --plane public",
        "likewise keys revoke --plane public 0123456789abcdef",
        variables=names_for(ADMIN),
    )
)
def command() -> None:
    """Create, list and revoke API keys, and rotate the pseudonym key.

    Uses the store named in the environment, or the embedded store of a running `likewise up`.
    """


@command.command(
    epilog=epilog(
        "likewise keys create --plane public --owner acme --scopes read",
        "likewise keys create --plane public --owner anna --scopes read --creators c-12,c-13",
        "likewise keys create --plane platform --owner feed --scopes ingest --days 365",
    )
)
@_plane_option
@click.option(
    "--owner", required=True, type=TEXT, help="Owner of the key; an owner has at most two live keys."
)
@click.option("--scopes", required=True, type=TEXT, help="Comma-separated scopes, such as read,audit.")
@click.option(
    "--days", type=click.IntRange(1, 3650), default=90, show_default=True, help="Days until it expires."
)
@click.option(
    "--rate-limit",
    "requests_per_minute",
    type=click.IntRange(1, 10_000_000),
    default=600,
    show_default=True,
    help="Requests per minute.",
)
@click.option(
    "--creators",
    type=TEXT_LIST,
    help="Comma-separated ids: the key reads these creators and their videos only.",
)
@click.option(
    "--origins",
    type=TEXT_LIST,
    help="Comma-separated origins, as https://a.example: the key works in their web pages only.",
)
@data_folder_option
@json_option
def create(
    plane: str,
    owner: str,
    scopes: str,
    days: int,
    requests_per_minute: int,
    data_folder: Path,
    as_json: bool,
    **limited_to: tuple[str, ...] | None,
) -> None:
    """Create a key and print it. It is shown only once, because only its hash is stored."""
    requested = [scope.strip() for scope in scopes.split(",")]
    limits = ReaderLimits(**{name: listed for name, listed in limited_to.items() if listed})
    spec = ApiKeySpec(owner, requested, days, requests_per_minute, limits)
    token, record = _open_api_keys(data_folder, plane).create(spec)
    if as_json:
        show_json({"token": token, **_document(plane, record)})
        return
    expires_at = format_timestamp(record.expires_at_ms)
    echo(f"Key {record.key_id} of {owner}, valid until {expires_at}. It is shown only once:")
    write(token)


@command.command(
    epilog=epilog(
        "likewise keys share --creator c-12 --days 30",
        "likewise keys list --plane public      shows the share links, too",
        "likewise keys revoke --plane public 0123456789abcdef",
        variables=[*names_for(ADMIN), PUBLIC_URL.name],
    )
)
@click.option("--creator", required=True, type=TEXT, help="Id of the creator that it shows.")
@click.option(
    "--days", type=click.IntRange(1, 365), default=30, show_default=True, help="Days until it expires."
)
@data_folder_option
@json_option
def share(creator: str, days: int, data_folder: Path, as_json: bool) -> None:
    """Create a link to the pages of one creator and print it.

    Whoever has the link reads the numbers of this creator until it expires or is revoked. The key in it
    stands behind the #, so no browser sends it as part of an address.
    """
    settings = operator_settings(data_folder, os.environ)
    token, record = ApiKeys.open(settings.store, "public", entropy).share(creator, days)
    link = f"{settings.values[PUBLIC_URL].rstrip('/')}/#{token}"
    if as_json:
        show_json({"url": link, **_document("public", record)})
        return
    expires_at = format_timestamp(record.expires_at_ms)
    echo(f"Link {record.key_id} to {creator}, valid until {expires_at}. It is shown only once:")
    write(link)


@command.command("list", epilog=epilog("likewise keys list --plane public --json"))
@_plane_option
@data_folder_option
@json_option
def list_keys(plane: str, data_folder: Path, as_json: bool) -> None:
    """List the keys of a plane.

    Includes revoked and expired keys.
    """
    api_keys = _open_api_keys(data_folder, plane)
    records, now_ms = api_keys.writer.records(), api_keys.writer.server_ms()
    if as_json:
        show_json([_document(plane, record) | {"live": is_live(record, now_ms)} for record in records])
        return
    table = Table(
        "key", "owner", "scopes", "limited to", "requests per minute", "created", "expires", "state"
    )
    for record in records:
        table.add_row(
            record.key_id,
            record.owner,
            ", ".join(record.scopes),
            ", ".join((*(record.creators or ()), *record.origins)),
            str(record.requests_per_minute),
            format_timestamp(record.created_at_ms),
            format_timestamp(record.expires_at_ms),
            _describe_state(record, now_ms),
        )
    show(table)


@command.command(epilog=epilog("likewise keys revoke --plane public 0123456789abcdef"))
@_plane_option
@click.argument("key_id", type=TEXT)
@data_folder_option
@json_option
def revoke(plane: str, key_id: str, data_folder: Path, as_json: bool) -> None:
    """Revoke a key.

    Serving processes notice within a second.
    """
    record = _open_api_keys(data_folder, plane).writer.revoke(key_id)
    if as_json:
        show_json(_document(plane, record))
    else:
        echo(f"Key {record.key_id} of {record.owner} is revoked.")


@command.command(
    "rotate-pseudonym-key",
    epilog=epilog(
        "likewise keys rotate-pseudonym-key",
        "likewise keys rotate-pseudonym-key --data-folder /var/lib/likewise",
        variables=[*names_for(REKEYER), PSEUDONYM_KEY_FILE.name],
    ),
)
@data_folder_option
@json_option
def rotate_pseudonym_key(data_folder: Path, as_json: bool) -> None:
    """Rotate the pseudonym key.

    Activates a new key, moves every account to it, and destroys the old key. Intake continues during the
    rotation, and no count changes. If the command is killed, run it again: it continues where it stopped. The
    key file must be the one that the platform plane reads.
    """
    settings = operator_settings(data_folder, os.environ)
    key_file = settings.pseudonym_key_file
    rekeyer = connect(settings.store, REKEYER)
    require([check_rights(rekeyer, REKEYER)])
    header = StoreHeader.read(rekeyer)
    in_force = KeysInForce(rekeyer, header.account_shards)
    in_force.require(load_store_keys(key_file, header))
    begun = begin_rotation(key_file, entropy)
    keys = PseudonymKeys(lambda: begun)  # whatever rotation follows, this one ends none but itself
    client = connect(settings.store, REKEYER, greet=header.greet)
    with progress(quiet=as_json) as bars:
        task = bars.add_task("accounts", total=None)
        shards = AccountShards(client, keys, header.account_shards)
        throttle = Throttle.always(monotonic_seconds, rest)
        moved = KeyRotation(shards, throttle).run(lambda count: bars.advance(task, count))
    end_rotation(key_file, begun)
    if as_json:
        show_json({"moved": moved, "generation": begun.generation})
    else:
        echo(
            f"{moved:,} accounts moved. The old key is no longer in its file; restart the processes to "
            "remove it from their memory."
        )


def _open_api_keys(data_folder: Path, plane: str) -> ApiKeys:
    return ApiKeys.open(operator_settings(data_folder, os.environ).store, plane, entropy)


def _document(plane: str, record: KeyRecord) -> dict[str, Any]:
    """Returns a record as operators may see it: without the hash of the secret."""
    document: dict[str, Any] = msgspec.to_builtins(record)
    del document["secret_sha256"]
    document |= {"creators": record.creators, "origins": record.origins, "is_share": record.is_share}
    for name in ("created", "expires", "revoked"):
        moment_ms = document.pop(f"{name}_at_ms")
        document[f"{name}_at"] = None if moment_ms is None else format_timestamp(moment_ms)
    return {"plane": plane, **document}


def _describe_state(record: KeyRecord, now_ms: int) -> str:
    if record.revoked_at_ms is not None:
        return f"revoked {format_timestamp(record.revoked_at_ms)}"
    if not is_live(record, now_ms):
        return "expired"
    return "live share link" if record.is_share else "live"
