"""A worker process of a plane: starts it, notices that it has ended or hangs, and starts another."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from api.http.child_process import Restarts, describe_status, wait_or_kill

SERVING: Final = b"s"
WAITING: Final = b"w"
"""What a worker says each second: that it serves, or that it waits for its store."""
_ROOT: Final = Path(__file__).parents[2]
_BOOT_SECONDS: Final = 60.0
_SILENT_SECONDS: Final = 20.0
"""A worker that has said nothing for this time is ended."""
_MAX_FAILED_STARTS: Final = 2
_FRESH_SECONDS: Final = 5.0
_PULSES_READ: Final = 4_096


class WorkerProcess:
    """A worker, which may be down between two starts.

    `failed_with` is the exit code of one that cannot be made: it ended by itself, again and again.

    Args:
        module: name of the module whose `create` makes the app.
        listener: the listening socket.
        threads: number of requests that the worker handles at once.
        environment: of the process.
        monotonic_seconds: clock.
    """

    def __init__(
        self,
        module: str,
        listener: socket.socket,
        threads: int,
        environment: Mapping[str, str],
        monotonic_seconds: Callable[[], float],
    ) -> None:
        self._module = module
        self._listener = listener
        self._threads = threads
        path = [str(_ROOT), *filter(None, [environment.get("PYTHONPATH")])]
        self._environment = {**environment, "PYTHONPATH": ":".join(path)}
        self._clock = monotonic_seconds
        self._restarts = Restarts(monotonic_seconds)
        self._failed_starts = 0
        self.failed_with: int | None = None
        self._start()

    @property
    def pid(self) -> int | None:
        """Process id; None while the worker is down."""
        return self._process.pid if self._process else None

    @property
    def is_serving(self) -> bool:
        """True if the worker has said lately that it serves."""
        return self._served_at is not None and self._clock() - self._served_at < _FRESH_SECONDS

    def _start(self) -> None:
        """Starts the process; only in the main thread: the process ends with the thread that starts it."""
        self._pulse, pulse = os.pipe()
        os.set_blocking(self._pulse, False)
        self._pulse_at: float | None = None
        self._served_at: float | None = None
        self._started = self._clock()
        self._restarts.begin()
        given = (self._module, self._listener.fileno(), pulse, self._threads, os.getpid())
        try:
            self._process: subprocess.Popen[bytes] | None = subprocess.Popen(  # noqa: S603 - our own program, without a shell
                [sys.executable, "-m", "api.http.worker", *map(str, given)],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                pass_fds=(self._listener.fileno(), pulse),
            )
        finally:
            os.close(pulse)

    def poll(self) -> str | None:
        """Checks the worker, and starts another one when its back-off is over.

        Returns:
            A report if the worker has just ended or been ended; None otherwise.
        """
        if self._process is None:
            if self._restarts.is_due:
                self._start()
            return None
        self._read_pulse()
        status = self._process.poll()
        if status is not None:
            self._note_end(status)
            return self._rest(f"a worker ended with {describe_status(status)}")
        heard = self._pulse_at if self._pulse_at is not None else self._started
        patience = _BOOT_SECONDS if self._pulse_at is None else _SILENT_SECONDS
        if self._clock() - heard > patience:
            self._process.kill()
            self._process.wait()
            return self._rest(f"a worker did not serve for {patience:g} s and was ended")
        return None

    def _note_end(self, status: int) -> None:
        """Notes whether the worker ended by itself before it served: again, and it never will."""
        by_itself = status >= 0 and self._served_at is None
        self._failed_starts = self._failed_starts + 1 if by_itself else 0
        if self._failed_starts == _MAX_FAILED_STARTS:
            self.failed_with = status

    def _read_pulse(self) -> None:
        try:
            said = os.read(self._pulse, _PULSES_READ)
        except BlockingIOError:
            return
        if said:
            self._pulse_at = self._clock()
        if SERVING in said:
            self._served_at = self._clock()

    def _rest(self, report: str) -> str:
        self._process, self._pulse_at, self._served_at = None, None, None
        os.close(self._pulse)
        return self._restarts.plan(report)

    def terminate(self) -> None:
        """Asks the worker to end: it lets its requests end first."""
        if self._process:
            self._process.terminate()

    def end(self, patience_seconds: float) -> None:
        """Waits until the worker has ended; kills it if that takes too long."""
        if self._process:
            wait_or_kill(self._process, patience_seconds)
            os.close(self._pulse)
            self._process = None
