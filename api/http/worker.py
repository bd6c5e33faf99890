"""`python -m api.http.worker MODULE SOCKET PULSE THREADS PARENT`: a worker of a plane."""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from threading import Event
from typing import TYPE_CHECKING, Final

from api.http.command import ExitCode, exit_code_of
from api.http.front.server import Front
from api.http.sigterm import call_at_sigterm
from api.http.terminal import echo
from api.http.worker_process import SERVING, WAITING
from privacy.errors import LikewiseError, StoreBusyError
from privacy.store.die_with_parent import die_with_parent

if TYPE_CHECKING:
    from flask import Flask

_PULSE_SECONDS: Final = 1.0
_TURN_SECONDS: Final = 0.0005
"""How long a thread that computes may hold up the event loop, which takes turns for each connection."""
_FIRST_BACK_OFF_SECONDS: Final = 0.2
_MAX_BACK_OFF_SECONDS: Final = 5.0


def main(module: str, listener: int, pulse: int, threads: int, parent: int) -> int:
    """Serves until SIGTERM, and says each second that it does.

    Args:
        module: name of the module whose `create` makes the app.
        listener: descriptor of the listening socket.
        pulse: descriptor of the pipe to the server.
        threads: number of requests that are handled at once.
        parent: process id of the server; the worker ends with it.
    """
    die_with_parent(parent, signal.SIGKILL)
    sys.setswitchinterval(_TURN_SECONDS)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the server, which ends its workers
    os.set_blocking(pulse, False)
    stop = Event()
    with call_at_sigterm(stop.set):
        try:
            app = _create(module, pulse, stop)
        except LikewiseError as error:
            echo(f"likewise: {error}")
            return exit_code_of(error)
        if app is None:
            return ExitCode.OK
        gc.collect()
        gc.freeze()  # the app stays: a search for cycles that went through it would take tens of milliseconds
        front = Front(app, socket.socket(fileno=listener), threads)
        front.start()
        while not stop.wait(_PULSE_SECONDS):
            if front.is_serving():
                _say(pulse, SERVING)
        front.stop()
    return ExitCode.OK


def _create(module: str, pulse: int, stop: Event) -> Flask | None:
    """Makes the app; a store that does not answer is waited for, with a line at each try.

    Returns:
        The app; None if asked to stop meanwhile.

    Raises:
        LikewiseError: the app cannot be made.
    """
    create: Callable[[], Flask] = import_module(module).create
    rest_seconds = _FIRST_BACK_OFF_SECONDS
    while True:
        try:
            return create()
        except StoreBusyError as error:
            echo(f"{module}: {error}; retrying in {rest_seconds:.1f} s")
        _say(pulse, WAITING)
        if stop.wait(rest_seconds):  # a store sends no notification
            return None
        rest_seconds = min(2 * rest_seconds, _MAX_BACK_OFF_SECONDS)


def _say(pulse: int, state: bytes) -> None:
    """Tells the server a state; one that does not read hangs, and others notice that."""
    with suppress(BlockingIOError):
        os.write(pulse, state)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], *map(int, sys.argv[2:])))
