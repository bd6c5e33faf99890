"""Runs redis-server in a data folder once: starts it, waits for it, ends it."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from privacy.embedded.config import CONF_FILE
from privacy.errors import StoreBusyError, StoreError
from privacy.store import die_with_parent

_STOP_PATIENCE_SECONDS: Final = 15.0
_PAUSE_SECONDS: Final = 0.005
_LOG_TAIL_BYTES: Final = 4_000
_LOG_TAIL_LINES: Final = 5


class ServerProcess:
    """A running redis-server; its output is appended to `redis.log` in its folder.

    Args:
        program: the redis-server.
        folder: its working folder, which holds `redis.conf`.
        lock: descriptor of the folder's lock, which the server inherits and so holds until it ends.
    """

    def __init__(self, program: Path, folder: Path, lock: int) -> None:
        self._log = folder / "redis.log"
        self._log.touch(mode=0o600)
        with self._log.open("ab") as log, (folder / CONF_FILE).open("rb") as configuration:
            self._log_start = log.tell()
            self._process = subprocess.Popen(  # noqa: S603 - a fixed command without a shell
                # -I -S: this interpreter alone, without site-packages or user settings, starts in 15 ms.
                [
                    sys.executable,
                    "-I",
                    "-S",
                    die_with_parent.__file__,
                    str(os.getpid()),
                    program,
                    # Redis takes a file's name for a pattern, and starts with its defaults if none matches.
                    "-",
                ],
                cwd=folder,
                # Nothing of ours is inherited; a locale that is not installed would stop Redis.
                env={"LC_ALL": "C"},
                stdin=configuration,
                stdout=log,
                stderr=log,
                pass_fds=(lock,),
                umask=0o077,
                # A Ctrl-C in the terminal must not end the store before those who use it.
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """True until the process ends."""
        return self._process.poll() is None

    def wait_until(self, answers: Callable[[], object], patience_seconds: float) -> None:
        """Waits until `answers` no longer raises StoreBusyError.

        Raises:
            StoreError: the server ended, or still loads after `patience_seconds`; with the end of its log.
        """
        deadline = time.monotonic() + patience_seconds
        while True:
            try:
                answers()
            except StoreBusyError:
                if (status := self._process.poll()) is not None:
                    raise StoreError(f"the embedded Redis ended with {status}. {self._log_tail()}") from None
                if time.monotonic() > deadline:
                    raise StoreError(
                        f"the embedded Redis is not ready after {patience_seconds:g} s. {self._log_tail()}"
                    ) from None
                time.sleep(_PAUSE_SECONDS)  # nothing is sent when a server is ready: it is asked again
            else:
                return

    def end(self) -> bool:
        """Asks the server to end (SIGTERM: it writes what it has and exits), and kills it if it does not.

        Returns:
            Whether it ended on this request, with its log complete.
        """
        self._process.terminate()
        try:
            return self._process.wait(_STOP_PATIENCE_SECONDS) == 0
        except subprocess.TimeoutExpired:
            self._process.kill()  # every acknowledged write is on disk already
            self._process.wait()
            return False

    def _log_tail(self) -> str:
        with self._log.open("rb") as log:
            log.seek(max(self._log_start, log.seek(0, os.SEEK_END) - _LOG_TAIL_BYTES))
            lines = log.read().decode(errors="replace").splitlines()
        tail = "\n  ".join(lines[-_LOG_TAIL_LINES:]) or "(nothing)"
        return f"The end of {self._log}:\n  {tail}"
