"""`likewise import`: brings a platform's history of events in, batch by batch."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

import click
import msgspec
from rich.table import Table

from api.cli.console import echo, progress, show, show_json
from api.cli.options import json_option, staff_options
from api.cli.parameters import OutputFile
from api.cli.staff_lists import refuse_other_files
from api.http.command import epilog
from api.runtime.file_lines import read_lines
from api.runtime.platform_client import NDJSON, PlatformClient
from privacy.errors import ConflictError, InvalidInputError, StoreError
from privacy.store.credentials import write_private

PATH: Final = "/v1/imports"
BATCH_LINES: Final = 10_000
BATCH_BYTES: Final = 8 * 1024 * 1024
PROGRESS_SUFFIX: Final = ".progress"
_FILE: Final = "FILE"
_RULE: Final = "a readable .ndjson or .ndjson.gz file, with an event on each line"


class ImportProgress(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far an import has come.

    Args:
        sha256: of the file.
        lines: those that are in.
        verdicts: their number by verdict.
    """

    sha256: str
    lines: int
    verdicts: dict[str, int]


@dataclass(frozen=True)
class ProgressFile:
    """The file beside a history that says how far its import has come; gone when it is complete.

    Args:
        path: where it is.
    """

    path: Path

    def read(self, sha256: str) -> ImportProgress:
        """Returns the progress of the import of a file.

        Raises:
            ConflictError: it is the progress of another file.
            StoreError: it is damaged.
        """
        try:
            found = msgspec.json.decode(self.path.read_bytes(), type=ImportProgress)
        except FileNotFoundError:
            return ImportProgress(sha256, 0, {})
        except (OSError, msgspec.MsgspecError) as error:
            raise StoreError(f"{self.path} is damaged: {error}") from error
        if found.sha256 != sha256:
            raise ConflictError(
                f"{self.path} is of another file, or {_FILE} has changed since: go on with the former one, "
                "or remove this progress to begin again; what is in counts once"
            )
        return found

    def write(self, done: ImportProgress) -> None:
        """Writes the progress; it is on disk when this returns.

        Raises:
            StoreError: the folder does not allow it.
        """
        write_private(self.path, msgspec.json.encode(done).decode())

    def remove(self) -> None:
        """Removes it."""
        self.path.unlink(missing_ok=True)


@click.command(
    "import",
    epilog=epilog(
        "likewise import likes.ndjson.gz --key KEY",
        "likewise import likes.ndjson.gz --key KEY     again, after an interruption: it goes on",
    ),
)
@click.argument("file", type=click.Path(dir_okay=False, exists=True, path_type=Path))
@click.option(
    "--progress-file",
    type=OutputFile(is_private=True),
    help="Where it is noted how far the import has come; FILE.progress if not given.",
)
@staff_options
@json_option
def command(file: Path, progress_file: Path | None, platform_url: str, key: str, *, as_json: bool) -> None:
    """Import the events in FILE, from before Likewise was there: NDJSON, optionally gzipped.

    Register the videos first, and import before their first release. The events of each account must be in
    the order of their days. The caps and the rules of integrity go by `occurred_at`. The key needs the scope
    `import`. After an interruption the same command goes on where it stopped; whatever is sent twice counts
    once.
    """
    client = PlatformClient(platform_url, key)
    sha256, lines = _measure(file)
    noted = ProgressFile(progress_file or file.with_name(file.name + PROGRESS_SUFFIX))
    done = noted.read(sha256)
    with progress(quiet=as_json) as bars:
        task = bars.add_task("events", total=lines, completed=done.lines)
        for batch in _batches(islice(_read(file), done.lines, None)):
            report = client.send(PATH, b"\n".join(batch), NDJSON)
            verdicts = dict(Counter(done.verdicts) + Counter(report["verdicts"]))
            done = ImportProgress(sha256, done.lines + len(batch), verdicts)
            noted.write(done)
            bars.advance(task, len(batch))
    noted.remove()
    if as_json:
        show_json({"file": str(file), "events": done.lines, "verdicts": done.verdicts})
        return
    table = Table("verdict", "events")
    for verdict, count in sorted(done.verdicts.items()):
        table.add_row(verdict, f"{count:,}")
    show(table)
    if done.verdicts.get("late"):
        echo("Late are events of videos that had their first release, and those out of the order of days.")


def _read(file: Path) -> Iterator[bytes]:
    """Yields the lines of a file that are not blank."""
    return filter(None, (line.strip() for line in read_lines(_FILE, file, _RULE)))


def _measure(file: Path) -> tuple[str, int]:
    """Returns the SHA-256 of a file, and the number of its lines.

    Raises:
        InvalidInputError: it cannot be read to its end, has no line, or its first one is no event.
    """
    lines = 0
    for line in _read(file):
        if not lines:
            _check_first(file, line)
        lines += 1
    if not lines:
        raise InvalidInputError(_FILE, f"{file} is empty", _RULE)
    with file.open("rb", buffering=0) as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest(), lines


def _check_first(file: Path, line: bytes) -> None:
    refuse_other_files(file, line)
    if not line.startswith(b"{"):
        raise InvalidInputError(_FILE, f"{file} begins with a line that is no JSON object", _RULE)
    if b"\r" in line:
        raise InvalidInputError(_FILE, f"{file} ends its lines with CR alone", "lines that end with LF")


def _batches(lines: Iterator[bytes]) -> Iterator[list[bytes]]:
    """Divides lines into batches that a request may have."""
    batch: list[bytes] = []
    size = 0
    for line in lines:
        if batch and (len(batch) == BATCH_LINES or size + len(line) + 1 > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(line)
        size += len(line) + 1
    if batch:
        yield batch
