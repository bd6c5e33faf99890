"""`likewise import`: brings a platform's history of events in, batch by batch."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

import click
import msgspec
from rich.table import Table

from api.cli.console import echo, progress, show, show_json
from api.cli.options import json_option, staff_options
from api.cli.parameters import OutputFile
from api.cli.staff_lists import refuse_other_files
from api.http.command import ExitCode, epilog
from api.runtime.file_lines import read_lines
from api.runtime.platform_client import NDJSON, PlatformClient
from api.runtime.stop_signal import stop_on_signal
from privacy.errors import ConflictError, InvalidInputError, StoreError
from privacy.store.credentials import write_private
from privacy.store.settings import PLATFORM_KEY

PATH: Final = "/v1/imports"
BATCH_LINES: Final = 10_000
BATCH_BYTES: Final = 8 * 1024 * 1024
PROGRESS_SUFFIX: Final = ".progress"
MAX_WRONG_LINES: Final = 100
"""As many lines that were not taken are listed; all are counted."""
_WRONG: Final = {
    "invalid": "an event as `POST /v1/events` takes it",
    "unknown_target": "the id of a video or creator that is registered",
}
"""The verdicts that a file must be mended for, and what is expected instead."""
_LATE: Final = (
    "Late are events older than one of the same account and video that is in, those of videos that had their "
    "first release, those out of the order of an account's days, and those of days on which its likes came "
    "as events."
)
_FILE: Final = "FILE"
_RULE: Final = "a readable .ndjson or .ndjson.gz file, with an event on each line"


class NumberedLine(NamedTuple):
    """A line of a file, without the space around it.

    Args:
        number: from 1.
        text: what it says.
    """

    number: int
    text: bytes


class WrongLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line that was not taken.

    Args:
        line: its number in the file, from 1.
        verdict: of its event.
        field: what is wrong; empty if that is not one field.
        message: what is wrong with it.
        expected: describes what is right.
    """

    line: int
    verdict: str
    field: str
    message: str
    expected: str


class ImportProgress(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far an import has come.

    Args:
        sha256: of the file.
        lines: those that are in.
        verdicts: their number by verdict.
        wrong: the first lines that were not taken.
    """

    sha256: str
    lines: int
    verdicts: dict[str, int]
    wrong: tuple[WrongLine, ...] = ()

    def add(self, batch: Sequence[NumberedLine], report: Mapping[str, Any]) -> ImportProgress:
        """Returns the progress when a batch is in, too."""
        wrong = [
            _describe_wrong(batch[item["index"]].number, item)
            for item in report.get("not_counted", ())
            if item["verdict"] in _WRONG
        ]
        return ImportProgress(
            self.sha256,
            self.lines + len(batch),
            dict(Counter(self.verdicts) + Counter(report["verdicts"])),
            (*self.wrong, *wrong)[:MAX_WRONG_LINES],
        )

    @property
    def wrong_count(self) -> int:
        """Number of lines that were not taken, also of those that are not listed."""
        return sum(self.verdicts.get(verdict, 0) for verdict in _WRONG)


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
        "likewise import likes.ndjson.gz",
        "likewise import likes.ndjson.gz     again, after an interruption: it goes on",
        variables=[PLATFORM_KEY.name],
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
@click.pass_context
def command(
    context: click.Context,
    file: Path,
    progress_file: Path | None,
    platform_url: str,
    key: str,
    *,
    as_json: bool,
) -> None:
    """Import the events in FILE, from before Likewise was there: NDJSON, optionally gzipped.

    Register the videos first, and import before their first release. The events of each account must be in
    the order of their days. The caps and the rules of integrity go by `occurred_at`. The key needs the scope
    `import`. After an interruption, which lets the batch under way end, the same command goes on where it
    stopped; whatever is sent twice counts once. Lines that are wrong are named on stderr, in JSON as `wrong`,
    and the exit code is 2; all others are in.
    """
    client = PlatformClient(platform_url, key)
    sha256, lines = _measure(file)
    noted = ProgressFile(progress_file or file.with_name(file.name + PROGRESS_SUFFIX))
    done = noted.read(sha256)
    with progress(quiet=as_json) as bars, stop_on_signal() as stop:
        task = bars.add_task("events", total=lines, completed=done.lines)
        for batch in _batches(islice(_read(file), done.lines, None)):
            done = done.add(batch, client.send(PATH, b"\n".join(line.text for line in batch), NDJSON))
            noted.write(done)
            bars.update(task, completed=done.lines)
            if done.lines < lines and stop.wait(0):
                break
    if done.lines < lines:
        echo(f"{done.lines:,} of {lines:,} lines are in; the same command goes on behind them.")
        raise KeyboardInterrupt
    noted.remove()
    if as_json:
        show_json(_report(file, done))
    else:
        _show(done)
    if done.wrong_count:
        context.exit(ExitCode.WRONG_USAGE)


def _report(file: Path, done: ImportProgress) -> dict[str, Any]:
    return {
        "file": str(file),
        "events": done.lines,
        "verdicts": done.verdicts,
        "wrong": msgspec.to_builtins(done.wrong),
    }


def _show(done: ImportProgress) -> None:
    """Shows the verdicts, and on stderr the lines that were not taken."""
    table = Table("verdict", "events")
    for verdict, count in sorted(done.verdicts.items()):
        table.add_row(verdict, f"{count:,}")
    show(table)
    if done.verdicts.get("late"):
        echo(_LATE)
    for wrong in done.wrong:
        named = f"{wrong.field}: " if wrong.field else ""
        echo(f"line {wrong.line}: {wrong.verdict}: {named}{wrong.message}; expected {wrong.expected}.")
    if more := done.wrong_count - len(done.wrong):
        echo(f"and {more:,} more")
    if done.wrong_count:
        echo(
            f"{done.wrong_count:,} lines were not taken; mend them and import them, or the whole file again."
        )


def _describe_wrong(number: int, item: Mapping[str, Any]) -> WrongLine:
    verdict = item["verdict"]
    problem = item.get("problem") or {"field": "", "message": "names no target that is there"}
    expected = problem.get("expected") or _WRONG[verdict]
    return WrongLine(number, verdict, problem["field"], problem["message"], expected)


def _read(file: Path) -> Iterator[NumberedLine]:
    """Yields the lines of a file that are not blank."""
    for number, line in enumerate(read_lines(_FILE, file, _RULE), 1):
        if text := line.strip():
            yield NumberedLine(number, text)


def _measure(file: Path) -> tuple[str, int]:
    """Returns the SHA-256 of a file, and the number of its lines.

    Raises:
        InvalidInputError: it cannot be read to its end, has no line, or its first one is no event.
    """
    lines = 0
    for line in _read(file):
        if not lines:
            _check_first(file, line.text)
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


def _batches(lines: Iterator[NumberedLine]) -> Iterator[list[NumberedLine]]:
    """Divides lines into batches that a request may have."""
    batch: list[NumberedLine] = []
    size = 0
    for line in lines:
        if batch and (len(batch) == BATCH_LINES or size + len(line.text) + 1 > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(line)
        size += len(line.text) + 1
    if batch:
        yield batch
