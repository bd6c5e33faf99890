"""Runs a program of the system as a child process: starts, polls, restarts with back-off, and ends it."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final

from api.http.child_process import Restarts, describe_status, wait_or_kill
from api.runtime.http_exchange import exchange, parse_server_url
from privacy.embedded.log_file import LogFile
from privacy.errors import LikewiseError
from privacy.store import die_with_parent

_CHECK_SECONDS: Final = 5.0
_HANGING_SECONDS: Final = 40.0
"""Longer than a plane takes to notice and replace a worker that hangs."""
_ANSWER_SECONDS: Final = 2.0


@dataclass(frozen=True)
class Program:
    """A program to run as a child.

    Args:
        name: for messages and the log file.
        arguments: of `likewise`.
        environment: the whole environment; it has the addresses and passwords of this program only.
        health_url: answers while the program is healthy; None if it cannot be asked.
    """

    name: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    health_url: str | None = None


class Child:
    """A child process, which may be down between two starts.

    Args:
        program: the program.
        logs: folder of the log files.
        monotonic_seconds: clock for the back-off.
    """

    def __init__(self, program: Program, logs: Path, monotonic_seconds: Callable[[], float]) -> None:
        self.program = program
        self._log = LogFile(logs / f"{program.name}.log")
        self._clock = monotonic_seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._restarts = Restarts(monotonic_seconds)
        self._healthy = 0.0
        self._next_check = 0.0

    @property
    def pid(self) -> int | None:
        """Process id; None while the child is down."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Starts the program; only in the main thread: the child ends with the thread that starts it."""
        self._restarts.begin()
        with self._log.opened() as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own program, without a shell
                [
                    *(sys.executable, "-I", "-S", die_with_parent.__file__, str(os.getpid())),
                    *(sys.executable, "-m", "api.cli", *self.program.arguments),
                ],
                env=dict(self.program.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # A group of its own: Ctrl-C in the terminal reaches the supervisor only.
                start_new_session=True,
            )
        self._healthy = self._clock()

    def poll(self) -> str | None:
        """Checks the process, and starts it again when its back-off is over.

        Returns:
            A report if the process has just ended; None otherwise.
        """
        self._log.bound()
        if self._process is None:
            return self._restart() if self._restarts.is_due else None
        status = self._process.poll()
        if status is None:
            return self._end_if_hanging()
        self._sweep()
        self._process = None
        return self._restarts.plan(self._describe_exit(status))

    def _end_if_hanging(self) -> str | None:
        """Ends a program that runs and has not answered its health check for a long time."""
        now = self._clock()
        if self.program.health_url is None or now < self._next_check:
            return None
        self._next_check = now + _CHECK_SECONDS
        if answers(self.program.health_url):
            self._healthy = self._clock()
        elif self._process and now - self._healthy > _HANGING_SECONDS:
            self._process.kill()
            self._process.wait()
            self._sweep()
            self._process = None
            return self._restarts.plan(
                f"{self.program.name} has not answered for {_HANGING_SECONDS:g} s and was ended"
            )
        return None

    def _restart(self) -> str | None:
        try:
            self.start()
        except OSError as error:  # no room for the log file, too many processes
            return self._restarts.plan(f"{self.program.name} cannot be started: {error.strerror}")
        return None

    def _describe_exit(self, status: int) -> str:
        """Returns how the process ended, with the last line of its log."""
        tail = self._log_tail()
        return f"{self.program.name} ended with {describe_status(status)}{f' ({tail})' if tail else ''}"

    def report_exit(self) -> str | None:
        """Returns how the process ended, or None if it runs. It is not started again."""
        status = self._process.poll() if self._process else None
        return None if status is None else self._describe_exit(status)

    def terminate(self) -> None:
        """Sends SIGTERM."""
        if self._process:
            self._process.terminate()

    def end(self, patience_seconds: float) -> None:
        """Waits until the process ends; if that takes too long, kills it and its descendants."""
        if self._process:
            wait_or_kill(self._process, patience_seconds)
            self._sweep()
            self._process = None

    def _sweep(self) -> None:
        """Kills the descendants of an ended child; its process group has its process id."""
        if self._process:
            try:
                os.killpg(self._process.pid, signal.SIGKILL)
            except ProcessLookupError:
                return

    def _log_tail(self) -> str:
        lines = self._log.read_tail()
        return next((line.strip() for line in reversed(lines) if line.strip()), "")


def answers(url: str) -> bool:
    """Returns whether an address of this machine answers with 200, asked without a proxy."""
    root, _, path = url.rpartition("/")
    request: tuple[str, str, None, dict[str, str]] = ("GET", f"/{path}", None, {})
    try:
        answer = exchange("health", parse_server_url("health", root), request, _ANSWER_SECONDS)
    except LikewiseError:
        return False
    return answer.status == HTTPStatus.OK
