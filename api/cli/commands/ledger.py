"""`likewise ledger`: exports the signed ledger, verifies an export offline, rotates the signing key."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import IO, Any, Final, cast

import click
import msgspec

from api.cli.console import echo, progress, show_json
from api.cli.options import data_folder_option, json_option
from api.http.command import ExitCode, epilog
from api.http.system import clock_ms, entropy
from api.runtime.settings import operator_settings
from privacy.errors import InvalidInputError, SignatureError
from privacy.gallery.ledger_reader import LedgerReader
from privacy.model.timestamp import format_timestamp
from privacy.signing.export import HeadLine, export_lines
from privacy.signing.jwks import PublicKeys
from privacy.signing.signing_key_file import rotate_ledger_key
from privacy.signing.verification import Verification, VerificationResult
from privacy.store.connect import connect
from privacy.store.settings import LEDGER_KEY_FILE, Settings, names_for
from privacy.store.users import PUBLIC

_SHOWN_FAULTS: Final = 50
_LINES_PER_LOOK: Final = 500

_file_to_read = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group(
    epilog=epilog(
        "likewise ledger export ledger.ndjson.gz",
        "likewise ledger verify ledger.ndjson.gz",
        "likewise ledger rotate-key",
    )
)
def command() -> None:
    """Export the signed ledger, verify an export offline, and rotate the signing key."""


@command.command(
    epilog=epilog(
        "likewise ledger export ledger.ndjson.gz",
        "likewise ledger export ledger.ndjson --data-folder /var/lib/likewise",
        variables=names_for(PUBLIC),
    )
)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@data_folder_option
@json_option
def export(file: Path, data_folder: Path, as_json: bool) -> None:
    """Write keys, signed heads, and every signed entry with its release to FILE, gzipped if it ends in .gz.

    Reads the gallery with the public plane's credentials, so nothing is in it that is not published. The
    store is the one named in the environment, or the embedded store of a running `likewise up`.
    """
    count = 0
    with (
        closing(connect(operator_settings(data_folder, os.environ).store, PUBLIC)) as client,
        _opened(file, "wb") as out,
    ):
        for line in export_lines(LedgerReader(client), clock_ms()):
            out.write(line)
            count += 1
    if as_json:
        show_json({"file": str(file), "lines": count})
    else:
        echo(f"Wrote {count} lines to {file}; check them with `likewise ledger verify {file}`.")


@command.command(
    epilog=epilog(
        "likewise ledger verify ledger.ndjson.gz",
        "likewise ledger verify today.ndjson.gz --since yesterday.ndjson.gz",
        "likewise ledger verify ledger.ndjson.gz --keys jwks.json --json",
    )
)
@click.argument("file", type=_file_to_read)
@click.option(
    "--keys",
    "keys_file",
    type=_file_to_read,
    help="Believe these public keys (a JWK Set) instead of those in FILE.",
)
@click.option(
    "--since", "earlier_file", type=_file_to_read, help="An earlier export, from which FILE must go on."
)
@json_option
@click.pass_context
def verify(
    context: click.Context, file: Path, keys_file: Path | None, earlier_file: Path | None, as_json: bool
) -> None:
    """Verify an exported ledger: needs FILE and nothing else. Exit 1 if anything in it is wrong.

    Every release must be the one that its entry names, be signed for its place, and follow the one before it;
    every signed head must fit the entries that it covers. What is wrong is named.
    """
    trusted = _keys(keys_file) if keys_file else None
    earlier = tuple(_heads(earlier_file)) if earlier_file else ()
    with progress(quiet=as_json) as bars, file.open("rb") as raw, _unpacked(file, raw) as lines:
        task = bars.add_task("bytes of the file", total=file.stat().st_size)
        counted = _counted(_lines(file, lines), lambda: bars.update(task, completed=raw.tell()))
        verdict = Verification(trusted, earlier).run(counted)
    if as_json:
        show_json(_document(verdict))
    else:
        _say(verdict, pinned=trusted is not None)
    context.exit(ExitCode.OK if verdict.holds else ExitCode.CHECK_FAILED)


@command.command(
    "rotate-key",
    epilog=epilog(
        "likewise ledger rotate-key --data-folder /var/lib/likewise", variables=[LEDGER_KEY_FILE.name]
    ),
)
@data_folder_option
@json_option
def rotate_key(data_folder: Path, as_json: bool) -> None:
    """Put a new signing key in force; a running `likewise release` uses it within seconds.

    Of the key before, only the public half is kept, so that what it signed can be verified for ever. The key
    file is the one named in the environment, or `ledger.key` in the data folder.
    """
    path = Settings.from_environment(os.environ, data_folder).ledger_key_file
    key_ids = rotate_ledger_key(path, entropy).public_keys.key_ids
    if as_json:
        show_json({"signs": key_ids[0], "verifies": key_ids})
    else:
        echo(f"Signs as {key_ids[0]} from now on; {len(key_ids)} keys verify.")


def _opened(file: Path, mode: str) -> IO[bytes]:
    opened = gzip.open if file.suffix == ".gz" else open
    return cast("IO[bytes]", opened(file, mode))


def _unpacked(file: Path, raw: IO[bytes]) -> IO[bytes]:
    return cast("IO[bytes]", gzip.GzipFile(fileobj=raw)) if file.suffix == ".gz" else raw


def _lines(file: Path, lines: IO[bytes]) -> Iterator[bytes]:
    """The lines of a file that may be cut or no gzip at all.

    Raises:
        InvalidInputError: it cannot be read to its end.
    """
    try:
        yield from lines
    except (EOFError, OSError) as error:
        raise InvalidInputError("FILE", f"{file} cannot be read to its end", "an export") from error


def _counted(lines: Iterator[bytes], look: Callable[[], None]) -> Iterator[bytes]:
    """The lines; somebody is told now and then that it goes on, and at the end."""
    for number, line in enumerate(lines):
        if number % _LINES_PER_LOOK == 0:
            look()
        yield line
    look()


def _keys(file: Path) -> PublicKeys:
    try:
        return PublicKeys.from_jwks(file.read_bytes())
    except SignatureError as error:
        raise InvalidInputError(
            "--keys", f"{file} {error}", "a JWK Set as of /.well-known/jwks.json"
        ) from error


def _heads(file: Path) -> Iterator[str]:
    """The tree heads of an export; its other lines are not looked at."""
    with _opened(file, "rb") as lines:
        for line in _lines(file, lines):
            if line.startswith(b'{"line":"head"'):
                yield msgspec.json.decode(line, type=HeadLine).jws


def _say(verdict: VerificationResult, *, pinned: bool) -> None:
    for fault in islice(verdict.faults, _SHOWN_FAULTS):
        click.echo(f"{fault.where}: {fault.what}")
    if len(verdict.faults) > _SHOWN_FAULTS:
        click.echo(f"… and {len(verdict.faults) - _SHOWN_FAULTS} more; --json lists all of them")
    if not verdict.holds:
        echo(f"The ledger does not hold: {len(verdict.faults)} faults in {verdict.releases} releases.")
        return
    head = verdict.head
    at = format_timestamp(head.at_ms) if head else "never"
    echo(f"The ledger holds: {verdict.releases} releases, up to tree head {head and head.sequence} of {at}.")
    echo(
        "Keys that were believed, as given:"
        if pinned
        else "Keys in the file; compare them with the issuer's:"
    )
    for key_id in verdict.key_ids:
        click.echo(key_id)


def _document(verdict: VerificationResult) -> dict[str, Any]:
    return {
        "holds": verdict.holds,
        "releases": verdict.releases,
        "head": msgspec.to_builtins(verdict.head),
        "keys": list(verdict.key_ids),
        "faults": [fault._asdict() for fault in verdict.faults],
    }
