"""`likewise ledger`: exports the signed ledger, verifies an export offline, rotates the signing key."""

import gzip
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, nullcontext
from itertools import islice
from pathlib import Path
from shlex import quote
from typing import IO, Any, Final, cast

import click
import msgspec

from api.cli.console import echo, progress, show_json, write
from api.cli.options import data_folder_option, json_option
from api.cli.parameters import STDOUT, OutputFile
from api.http.command import ExitCode, epilog
from api.http.system import clock_ms, entropy
from api.http.terminal import make_line
from api.runtime.file_lines import iterate_lines, read_lines
from api.runtime.settings import operator_settings
from privacy.errors import InvalidInputError, SignatureError
from privacy.gallery.ledger_reader import LedgerReader
from privacy.model.timestamp import format_timestamp
from privacy.signing.export import UNREADABLE, HeadLine, export_lines
from privacy.signing.jwks import PublicKeys
from privacy.signing.signing_key_file import rotate_ledger_key
from privacy.signing.verification import Verification, VerificationResult
from privacy.store.connect import connect
from privacy.store.settings import LEDGER_KEY_FILE, Settings, names_for
from privacy.store.users import PUBLIC

_MAX_SHOWN_FAULTS: Final = 50
_LINES_PER_PROGRESS: Final = 500

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
@click.argument("file", type=OutputFile(may_be_stdout=True))
@data_folder_option
@json_option
def export(file: Path, data_folder: Path, as_json: bool) -> None:
    """Write keys, signed heads, and every signed entry with its release to FILE, gzipped if it ends in .gz.

    If FILE is -, it writes to stdout. Reads the gallery with the public plane's credentials, so the file
    contains only what is published. The store is the one named in the environment, or the embedded store of a
    running `likewise up`.
    """
    if as_json and file == STDOUT:
        raise InvalidInputError(
            "FILE", "is - with --json, which writes to stdout, too", "a file, or no --json"
        )
    count = 0
    with (
        closing(connect(operator_settings(data_folder, os.environ).store, PUBLIC)) as client,
        _create(file) as out,
    ):
        for line in export_lines(LedgerReader(client), clock_ms()):
            out.write(line)
            count += 1
    if as_json:
        show_json({"file": str(file), "lines": count})
    else:
        checked = "" if file == STDOUT else f"; check them with `likewise ledger verify {quote(str(file))}`"
        echo(make_line(f"Wrote {count} lines to {file}{checked}."))


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
    help="Trust these public keys (a JWK Set) instead of those in FILE.",
)
@click.option(
    "--since", "earlier_file", type=_file_to_read, help="An earlier export that FILE must continue."
)
@json_option
@click.pass_context
def verify(
    context: click.Context, file: Path, keys_file: Path | None, earlier_file: Path | None, as_json: bool
) -> None:
    """Verify an exported ledger offline; exits with 1 if anything in it is wrong, and names it.

    Every release must match its entry, be signed for its position, and follow the previous one; every signed
    head must match the entries that it covers. Signatures are Ed25519, under the name EdDSA or Ed25519.
    """
    trusted = _read_keys(keys_file) if keys_file else None
    earlier = _read_heads(earlier_file) if earlier_file else ()
    with progress(quiet=as_json) as bars, file.open("rb") as raw:
        task = bars.add_task("bytes of the file", total=file.stat().st_size)
        reported = _report_progress(
            iterate_lines("FILE", file, raw, "an export"), lambda: bars.update(task, completed=raw.tell())
        )
        result = Verification(trusted, earlier).run(reported)
    if as_json:
        show_json(_build_document(result))
    else:
        _print(result, pinned=trusted is not None)
    context.exit(ExitCode.OK if result.holds else ExitCode.CHECK_FAILED)


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

    Only the public half of the previous key is kept, so that its signatures stay verifiable. The key
    file is the one named in the environment, or `ledger.key` in the data folder.
    """
    path = Settings.from_environment(os.environ, data_folder).ledger_key_file
    key_ids = rotate_ledger_key(path, entropy).public_keys.key_ids
    if as_json:
        show_json({"signs": key_ids[0], "verifies": key_ids})
    else:
        echo(f"Signs as {key_ids[0]} from now on; {len(key_ids)} keys verify.")


def _create(file: Path) -> AbstractContextManager[IO[bytes]]:
    if file == STDOUT:
        return nullcontext(sys.stdout.buffer)
    return cast("IO[bytes]", gzip.open(file, "wb") if file.suffix == ".gz" else file.open("wb"))


def _report_progress(lines: Iterator[bytes], on_progress: Callable[[], None]) -> Iterator[bytes]:
    """Yields the lines, and reports progress every few hundred lines and at the end."""
    for number, line in enumerate(lines):
        if number % _LINES_PER_PROGRESS == 0:
            on_progress()
        yield line
    on_progress()


def _read_keys(file: Path) -> PublicKeys:
    try:
        return PublicKeys.from_jwks(b"".join(read_lines("--keys", file, "a JWK Set")))
    except SignatureError as error:
        raise InvalidInputError(
            "--keys", f"{file} {error}", "a JWK Set as of /.well-known/jwks.json"
        ) from error


def _read_heads(file: Path) -> tuple[str, ...]:
    """Returns the tree heads of an export and ignores its other lines.

    Raises:
        InvalidInputError: it has none, so that every other export would continue it.
    """
    heads = tuple(
        _decode_head(file, line)
        for line in read_lines("--since", file, "an export")
        if line.startswith(b'{"line":"head"')
    )
    if not heads:
        raise InvalidInputError(
            "--since", f"{file} has no signed tree head, so nothing can be compared", "an export that has one"
        )
    return heads


def _decode_head(file: Path, line: bytes) -> str:
    try:
        return msgspec.json.decode(line, type=HeadLine).jws
    except UNREADABLE as error:
        raise InvalidInputError("--since", f"{file} has a damaged tree head", "an export") from error


def _print(result: VerificationResult, *, pinned: bool) -> None:
    for fault in islice(result.faults, _MAX_SHOWN_FAULTS):
        write(f"{fault.where}: {fault.what}")
    if len(result.faults) > _MAX_SHOWN_FAULTS:
        write(f"… and {len(result.faults) - _MAX_SHOWN_FAULTS} more; --json lists them")
    if not result.holds:
        echo(f"The ledger does not hold: {len(result.faults)} faults in {result.releases} releases.")
        return
    head = result.head
    at = format_timestamp(head.at_ms) if head else "never"
    echo(f"The ledger holds: {result.releases} releases, up to tree head {head and head.sequence} of {at}.")
    echo("Trusted keys, as given:" if pinned else "Keys in the file; compare them with the issuer's keys:")
    for key_id in result.key_ids:
        write(key_id)


def _build_document(result: VerificationResult) -> dict[str, Any]:
    return {
        "holds": result.holds,
        "releases": result.releases,
        "head": msgspec.to_builtins(result.head),
        "keys": list(result.key_ids),
        "faults": [fault._asdict() for fault in result.faults],
    }
