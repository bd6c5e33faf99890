"""The log file of a child process: bounded while the process runs, and quoted when it ends."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

MAX_LOG_BYTES: Final = 16 * 1024 * 1024
_TAIL_BYTES: Final = 4_000


class LogFile:
    """A file to which a child process appends its output.

    Args:
        path: of the file; the part before the latest cut is next to it, with `.1` at the end of its name.
        max_bytes: the size from which `bound` cuts.
    """

    def __init__(self, path: Path, max_bytes: int = MAX_LOG_BYTES) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._start = 0

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """Opens the file for a new process, whose output begins here; only its owner may read it."""
        self.bound()
        self.path.touch(mode=0o600)
        with self.path.open("ab") as file:
            self._start = file.tell()
            yield file

    def bound(self) -> None:
        """Moves a content that is too large to the file next to it; call it again and again.

        The process goes on appending to the same file, because it was opened to append. What it writes at the
        very moment is lost, and so is all of it on a full disk: a log must not fill the disk of the data.
        """
        try:
            if self.path.stat().st_size <= self._max_bytes:
                return
            with suppress(OSError):
                self._copy()
            os.truncate(self.path, 0)
        except OSError:
            return  # it is looked at again
        self._start = 0

    def read_tail(self) -> list[str]:
        """Returns the last lines that the newest process has written."""
        with self.path.open("rb") as file:
            file.seek(max(self._start, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
            return file.read().decode(errors="replace").splitlines()

    def _copy(self) -> None:
        previous = self.path.with_name(f"{self.path.name}.1")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        with self.path.open("rb") as source, open(os.open(previous, flags, 0o600), "wb") as target:  # noqa: PTH123 - by descriptor, for its mode
            shutil.copyfileobj(source, target)
