"""`python -m api.http.worker MODULE SOCKET PULSE THREADS PARENT`: a worker of a plane."""

import os
import signal
import socket
import sys
from importlib import import_module
from threading import Event
from typing import Final

from api.http.command import exit_code_of
from api.http.front.server import Front
from privacy.errors import LikewiseError
from privacy.store.die_with_parent import die_with_parent

_PULSE_SECONDS: Final = 1.0


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
    stop = Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the server, which ends its workers
    try:
        app = import_module(module).create()
    except LikewiseError as error:
        sys.stderr.write(f"likewise: {error}\n")
        return exit_code_of(error)
    os.set_blocking(pulse, False)
    front = Front(app, socket.socket(fileno=listener), threads)
    front.start()
    while not stop.wait(_PULSE_SECONDS):
        if front.is_serving():
            try:
                os.write(pulse, b".")
            except BlockingIOError:
                continue  # the server does not read: it hangs, and others notice that
    front.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], *map(int, sys.argv[2:])))
