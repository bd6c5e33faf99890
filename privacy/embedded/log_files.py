"""The files of an append-only log: which of them its manifest lists, and which Redis leaves there itself.

Redis loads what the manifest lists, and ignores every other file. If the manifest loses a line, acknowledged
writes are lost, without a message, and Redis writes a new manifest over it. In a rewrite, Redis 7 and 8

1. open the next incr file, which is empty, and then write the manifest that lists it,
2. let a child write `temp-*`, and rename it to the next base file,
3. write the manifest that lists the new base, and the files before it as history,
4. delete the history files, and then write the manifest without them.

The first start writes base and incr file before there is a manifest. A server may be killed after any step.
"""

import re
from pathlib import Path
from typing import Final, NamedTuple

from privacy.embedded.usable_file import require_usable_file
from privacy.errors import StoreError

FILES_FOLDER: Final = "appendonlydir"
MANIFEST: Final = "appendonly.aof.manifest"
CLOSED_AT: Final = "closed-at"
LAST_CUT: Final = "log-last-cut"
_LINE: Final = re.compile(r"file (\S+) seq ([1-9]\d{0,17}) type ([bhi])(?: .*)?")
_FILE: Final = re.compile(r"appendonly\.aof(?:\.(\d{1,18})\.(base|incr)\.(?:rdb|aof))?")
_FIRST_BASE: Final = ("1", "base")
_FIRST_INCR: Final = ("1", "incr")
_MAX_EMPTY_BASE_BYTES: Final = 256
"""A base without a key has 88 bytes in Redis 8.2: the versions, the time, the memory."""


class _Listed(NamedTuple):
    name: str
    seq: int
    kind: str


class LogFiles(NamedTuple):
    """The files that the manifest lists, in the order in which Redis loads them.

    Args:
        base: the data at the last rewrite.
        increments: what was written since; the server appends to the last of them.
    """

    base: Path
    increments: tuple[Path, ...]

    @property
    def newest(self) -> Path:
        """The file to which the server appends."""
        return self.increments[-1]

    def sizes(self) -> dict[str, int]:
        """Returns the number of bytes of each file."""
        return {path.name: path.stat().st_size for path in (self.base, *self.increments)}


def read_log_files(folder: Path) -> LogFiles | None:
    """Reads which files a log has, and makes sure that it has them, and that no other file belongs to it.

    Args:
        folder: the folder of the log.

    Returns:
        Its files; None if no server has ever taken a write there.

    Raises:
        StoreError: the manifest is missing, damaged or no file, a file is missing, or one is not listed.
    """
    require_usable_file(folder / MANIFEST)
    if not (folder / MANIFEST).exists():
        _require_unused(folder)
        return None
    listed = _read_manifest(folder / MANIFEST)
    (base,) = (file for file in listed if file.kind == "b")
    increments = [file for file in listed if file.kind == "i"]
    for file in (base, *increments):
        if not (folder / file.name).is_file():
            raise StoreError(
                f"{folder / file.name} is missing, and {MANIFEST} lists it: restore the whole folder"
            )
    if base.name.endswith(".rdb") and not (folder / base.name).stat().st_size:
        raise StoreError(f"{folder / base.name} is empty: restore the whole folder")
    known = {file.name for file in listed}
    for path, number in _log_files(folder).items():
        if path.name not in known and not _is_begun(path, number, base.seq, increments[-1].seq):
            raise StoreError(
                f"{path} is not listed in {MANIFEST}, so Redis would not load it: restore the whole folder. "
                "In a backup that was copied during a rewrite of the log, move the file away: all that is in "
                "it is lost then"
            )
    return LogFiles(folder / base.name, tuple(folder / file.name for file in increments))


def _require_unused(folder: Path) -> None:
    """Makes sure that a folder without a manifest has nothing that Redis would start without."""
    found = _log_files(folder) if folder.is_dir() else {}
    is_unused = all(
        path.stat().st_size <= {_FIRST_BASE: _MAX_EMPTY_BASE_BYTES, _FIRST_INCR: 0}.get(number, -1)
        for path, number in found.items()
    )
    if not is_unused or (folder / CLOSED_AT).exists():
        raise StoreError(f"{folder} has files of a log, but no {MANIFEST}: restore the whole folder")


def _read_manifest(manifest: Path) -> list[_Listed]:
    try:
        *lines, rest = manifest.read_text(encoding="utf-8").split("\n")
    except (OSError, ValueError) as error:
        raise StoreError(f"{manifest} cannot be read: restore the whole folder") from error
    matches = [_LINE.fullmatch(line) for line in lines if not line.startswith("#")]
    listed = [_Listed(match[1], int(match[2]), match[3]) for match in matches if match]
    kinds = [file.kind for file in listed]
    numbers = [file.seq for file in listed if file.kind == "i"]
    is_whole = (
        not rest
        and all(matches)
        and kinds.count("b") == 1
        # Redis counts its incr files without a gap.
        and numbers
        and numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    )
    if not is_whole:
        raise StoreError(
            f"{manifest} is damaged: it must list one base file, and incr files without a gap; restore the "
            "whole folder"
        )
    return listed


def _log_files(folder: Path) -> dict[Path, tuple[str, str]]:
    """Returns the files whose names are those of a log, with number and kind."""
    matches = {path: _FILE.fullmatch(path.name) for path in sorted(folder.iterdir())}
    return {path: (match[1] or "", match[2] or "") for path, match in matches.items() if match}


def _is_begun(path: Path, number: tuple[str, str], base_seq: int, newest_seq: int) -> bool:
    """Returns whether a file is what a rewrite makes before it writes the manifest."""
    if number == (str(newest_seq + 1), "incr"):
        return path.stat().st_size == 0
    return number == (str(base_seq + 1), "base")
