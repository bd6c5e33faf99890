"""Cuts a torn transaction off an append-only log before a server loads it.

A server that is killed while it writes the effects of a script leaves an open MULTI at the end of its log.
Redis 8.2 cuts such a log to its last whole command, not to before the MULTI, and appends behind it: after the
load after the next, the half is executed with whatever follows. `redis-check-aof`, which is the same program
under another name, finds the end of the last whole transaction. The rest was never acknowledged.
"""

import os
import re
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from privacy.embedded.log_files import (
    CLOSED_AT,
    FILES_FOLDER,
    LAST_CUT,
    MANIFEST,
    LogFiles,
    read_log_files,
)
from privacy.embedded.usable_file import require_usable_file
from privacy.errors import StoreError
from privacy.store.credentials import sync_folder

MAX_TORN_BYTES: Final = 64 * 1024 * 1024
"""Larger than the effects of any one script. A log that ends in more than this is damaged, not torn."""

_CHECKED: Final = re.compile(r"^AOF analyzed: filename=(\S+), size=(\d+), ok_up_to=(\d+),", re.MULTILINE)
_END: Final = b"\r\n"
_NOTED: Final = re.compile(r"(?:\S+ \d{1,18}\n)+")
_OUTPUT_CHARACTERS: Final = 400


class TornEnd(NamedTuple):
    """The end of a log that was never acknowledged.

    Args:
        log: the file.
        whole: where it begins.
        size: of the file.
    """

    log: Path
    whole: int
    size: int


class LogRepair:
    """A check of a log before its server starts; it takes as long as reading the log does.

    Args:
        log: the log.
        process: `redis-check-aof` at work on it.
    """

    def __init__(self, log: "AppendLog", process: subprocess.Popen[bytes]) -> None:
        self._log = log
        self._process = process

    @property
    def is_running(self) -> bool:
        """True until the check ends."""
        return self._process.poll() is None

    def finish(self) -> int:
        """Waits for the end of the check, and cuts the log back to the end of its last whole transaction.

        Returns:
            The number of bytes that were cut off; 0 for a whole log.

        Raises:
            StoreError: the log is damaged in another way, or the check was killed.
        """
        end = self._log.find_torn_end(self._process)
        return self._log.cut(end) if end else 0

    def end(self) -> None:
        """Ends the check, if it still runs, without a result."""
        self._process.kill()
        self._process.communicate()


class AppendLog:
    """The append-only log in a server's data folder.

    Args:
        folder: the data folder.
    """

    def __init__(self, folder: Path) -> None:
        self._files = folder / FILES_FOLDER
        self._closed_at = self._files / CLOSED_AT
        self._last_cut = folder / LAST_CUT

    def begin_repair(self, find_program: Callable[[], Path]) -> LogRepair | None:
        """Begins to check the log; the server must not start before `LogRepair.finish`.

        The check reads the whole log, so it is left out after a server that ended on request.

        Args:
            find_program: returns the redis-server; called only if there is something to check.

        Returns:
            The check; None if there is nothing to check.

        Raises:
            StoreError: the log lacks a part, has one too many, or is not as its server left it on request.
        """
        files = read_log_files(self._files)
        if files is None or self._is_as_closed(files):
            return None
        return LogRepair(self, self._begin_check(find_program))

    def count_torn_bytes(self, find_program: Callable[[], Path], *, fix: bool) -> int:
        """Checks the whole log, whatever its notes say. No server may run on it.

        A file system may end a file in zeros after a power cut. They are what was never written, as a torn
        transaction is; because a bad disk does the same, they are cut off here only, where an operator asks.

        Args:
            find_program: returns `redis-check-aof`, or redis-server, which is the same program.
            fix: whether to cut off what is torn.

        Returns:
            The number of torn bytes at its end; 0 for a whole log.

        Raises:
            StoreError: there is no log, it is damaged in another way, or not as its server left it.
        """
        files = read_log_files(self._files)
        if files is None:
            raise StoreError(f"there is no {self._files / MANIFEST}: name the folder `dir` of a server")
        is_as_closed = self._is_as_closed(files)
        end = self.find_torn_end(self._begin_check(find_program), allow_zeros=True)
        if end is None:
            return 0
        if is_as_closed:
            raise StoreError(
                f"{end.log} is damaged at byte {end.whole}, and was whole when its server ended: "
                "restore a backup"
            )
        return self.cut(end) if fix else end.size - end.whole

    def last_cut(self) -> int:
        """Returns the number of bytes that the last repair cut off; 0 if there was none."""
        try:
            return int(self._last_cut.read_text())
        except (OSError, ValueError):
            return 0

    def note_close(self) -> None:
        """Records the files of the log and their sizes; call it only after the server ended on request."""
        with suppress(OSError, StoreError):
            if (files := read_log_files(self._files)) is not None:
                _note(self._closed_at, "".join(f"{name} {size}\n" for name, size in files.sizes().items()))

    def note_open(self) -> None:
        """Forgets how the log ended, durably; call it before the server starts."""
        if self._closed_at.exists():
            self._closed_at.unlink()
            sync_folder(self._files)

    def _is_as_closed(self, files: LogFiles) -> bool:
        """Returns whether the log is as its server left it on request; False if it did not end on request."""
        require_usable_file(self._closed_at)
        try:
            text = self._closed_at.read_text(encoding="ascii")
        except (OSError, ValueError):
            return False
        if not _NOTED.fullmatch(text):
            return False
        noted = {name: int(size) for name, size in (line.split() for line in text.splitlines())}
        found = files.sizes()
        newest = files.newest.name
        if noted in (found, {newest: found[newest]}):  # older versions noted the newest file only
            return True
        name = next((name for name in (*noted, *found) if noted.get(name) != found.get(name)), newest)
        raise StoreError(
            f"{self._files / name} is not as its server left it: {_describe(noted.get(name))} then, "
            f"{_describe(found.get(name))} now; restore the whole folder. If another server has "
            f"written to it since, on purpose, remove {self._closed_at}: then the whole log is checked"
        )

    def _begin_check(self, find_program: Callable[[], Path]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - a fixed command without a shell
            ["redis-check-aof", MANIFEST],  # noqa: S607 - a name; the program is `executable`
            executable=find_program(),
            cwd=self._files,
            env={"LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            # A Ctrl-C in the terminal must not look like a damaged log.
            start_new_session=True,
        )

    def find_torn_end(self, check: subprocess.Popen[bytes], *, allow_zeros: bool = False) -> TornEnd | None:
        """Returns the torn end of the log by a check of it, however long that takes; None for a whole log.

        Raises:
            StoreError: the log is damaged in another way, or the check was killed.
        """
        output = check.communicate()[0].decode(errors="replace")
        if check.returncode == 0:
            return None
        if check.returncode < 0:
            name = signal.Signals(-check.returncode).name
            raise StoreError(f"the check of the log in {self._files} was ended by {name}: start again")
        checked = _CHECKED.findall(output)
        files = read_log_files(self._files)
        if not checked or files is None or checked[-1][0] != files.newest.name:
            raise StoreError(
                f"the log in {self._files} is damaged: restore a backup. redis-check-aof says: "
                + output[-_OUTPUT_CHARACTERS:].strip()
            )
        newest = files.newest
        size, whole = map(int, checked[-1][1:])
        with newest.open("rb") as log:
            log.seek(whole)
            rest = log.read(MAX_TORN_BYTES + 1)
        if whole + len(rest) not in {size, whole + MAX_TORN_BYTES + 1}:
            raise StoreError(f"{newest} is being written: stop its server first")
        if len(rest) > MAX_TORN_BYTES or not _is_torn(rest.rstrip(b"\0") if allow_zeros else rest):
            raise StoreError(
                f"{newest} is damaged at byte {whole}, {size - whole} bytes before its end, or was appended "
                "to after a torn transaction: restore a backup"
            )
        return TornEnd(newest, whole, size)

    def cut(self, end: TornEnd) -> int:
        """Cuts a torn end off; returns its number of bytes."""
        with end.log.open("r+b") as log:
            log.truncate(end.whole)
            os.fsync(log.fileno())
        _note(self._last_cut, f"{end.size - end.whole}\n")
        return end.size - end.whole


def _note(path: Path, text: str) -> None:
    """Writes a note, unless the disk is full: it spares work or informs, and is missed by nothing."""
    with suppress(OSError):
        path.write_text(text)


def _describe(size: int | None) -> str:
    return f"not in {MANIFEST}" if size is None else f"{size} bytes"


def _is_torn(rest: bytes) -> bool:
    """Returns whether bytes are what a killed server leaves: one transaction or one command without its end.

    Anything else was acknowledged or is damaged: more than one command outside a transaction, a second MULTI,
    an EXEC, or bytes that do not begin a command.
    """
    position = 0
    names: list[bytes] = []
    while position < len(rest):
        name, position = _read_command(rest, position)
        if name is None:
            return position == len(rest) and (not names or names[0] == b"MULTI")
        names.append(name.upper())
        if names[0] != b"MULTI" or {b"MULTI", b"EXEC"} & set(names[1:]):
            return False
    return True


def _read_command(rest: bytes, position: int) -> tuple[bytes | None, int]:
    """Reads a command as Redis writes them.

    Returns:
        Its name and the position past it; None and the end where it is torn; None and -1 where it is damaged.
    """
    words: list[bytes] = []
    expected = 0
    while not words or len(words) < expected:
        prefix = rb"\$" if expected else rb"\*"
        end = rest.find(_END, position)
        if end < 0:
            is_torn = re.fullmatch(rb"(?:" + prefix + rb"\d{0,10}\r?)?", rest[position:])
            return None, len(rest) if is_torn else -1
        line = rest[position:end]
        if not re.fullmatch(prefix + rb"\d{1,10}", line):
            return None, -1
        position = end + len(_END)
        if not expected:
            expected = int(line[1:])
            if not expected:
                return None, -1
            continue
        words.append(rest[position : position + int(line[1:])])
        position += int(line[1:])
        if not _END.startswith(rest[position : position + len(_END)]):
            return None, -1
        if position + len(_END) > len(rest):
            return None, len(rest)
        position += len(_END)
    return words[0], position
