"""Runs redis-server in a data folder once: starts it, asks whether it is ready, ends it."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from privacy.embedded.config import CONF_FILE, LOG_FILE
from privacy.embedded.log_file import LogFile
from privacy.errors import StoreBusyError, StoreError, StoreLoadingError
from privacy.store import die_with_parent

_STOP_PATIENCE_SECONDS: Final = 15.0
_LOG_TAIL_LINES: Final = 5


class ServerProcess:
    """A running redis-server; its output is appended to `redis.log` in its folder.

    Args:
        program: the redis-server.
        folder: its working folder, which holds `redis.conf`.
        lock: descriptor of the folder's lock, which the server inherits and so holds until it ends.
        options: beside those of `redis.conf`, as on the server's command line.
    """

    def __init__(self, program: Path, folder: Path, lock: int, options: Sequence[str] = ()) -> None:
        self._log = LogFile(folder / LOG_FILE)
        self._heard = time.monotonic()
        with self._log.opened() as log, (folder / CONF_FILE).open("rb") as configuration:
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
                    *options,
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

    def is_ready(self, answers: Callable[[], object], patience_seconds: float) -> bool:
        """Returns whether the server is ready; call it again until it is.

        A server that loads its data says so between two pieces of it. As long as it does, it is waited for.

        Args:
            answers: asks the server; raises StoreBusyError while it is not ready.
            patience_seconds: how long it may say nothing.

        Raises:
            StoreError: the server ended, or has said nothing for `patience_seconds`; with the end of its log.
        """
        try:
            answers()
        except StoreLoadingError:
            self._heard = time.monotonic()
        except StoreBusyError:
            if (status := self._process.poll()) is not None:
                raise StoreError(f"the embedded Redis ended with {status}. {self._log_tail()}") from None
            if time.monotonic() > self._heard + patience_seconds:
                raise StoreError(
                    f"the embedded Redis has not answered for {patience_seconds:g} s. {self._log_tail()}"
                ) from None
        else:
            return True
        return False

    def bound_log(self) -> None:
        """Cuts the log back if it has grown too large."""
        self._log.bound()

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
        tail = "\n  ".join(self._log.read_tail()[-_LOG_TAIL_LINES:]) or "(nothing)"
        return f"The end of {self._log.path}:\n  {tail}"
