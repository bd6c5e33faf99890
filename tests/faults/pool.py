"""Forks the processes of a deployment: the product is loaded once, so that a start takes milliseconds.

    python -m tests.faults.pool

Writes the port of the platform plane. Then reads an order a line, as JSON, and writes the pid of the process
that it has started. All of them end with the pool.
"""

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NoReturn, Self
from unittest.mock import patch

import api.cli.commands.maintain
import api.cli.commands.relay
import api.cli.commands.release  # noqa: F401 - loaded before the forks, as are the two above
from api.cli.main import run
from api.platform.wsgi import create
from privacy.store.die_with_parent import die_with_parent
from tests.faults.seeded_faults import SEEDED_FAULTS

PLATFORM = "platform"


@dataclass(frozen=True)
class Order:
    """A process to start.

    Args:
        command: the command of `likewise` that it runs; the platform plane is served by Werkzeug.
        environment: the whole of it.
        clock: file with the ms that its wall clock is ahead.
        log: file to which its output is appended.
        fault: name of the fault that is seeded in it; empty for none.
    """

    command: str
    environment: Mapping[str, str]
    clock: str
    log: str
    fault: str = ""

    @classmethod
    def parse(cls, line: str) -> Self:
        """Reads an order."""
        return cls(**json.loads(line))

    def __str__(self) -> str:
        """Returns the order as a line."""
        return json.dumps(asdict(self))


def shifted(clock: Path, real: Callable[[], int]) -> Callable[[], int]:
    """Returns a clock that is ahead of the real one by the ms in a file."""
    return lambda: real() + 1_000_000 * int(clock.read_text())


def _become(order: Order, pool: int, listener: socket.socket) -> NoReturn:
    die_with_parent(pool, signal.SIGKILL)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    log = os.open(order.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    for stream in (1, 2):
        os.dup2(log, stream)
    os.environ.clear()
    os.environ.update(order.environment)
    patch("time.time_ns", shifted(Path(order.clock), time.time_ns)).start()
    if order.fault:
        SEEDED_FAULTS[order.fault]()
    status = 1
    try:
        status = _serve(listener) if order.command == PLATFORM else run([order.command])
    except BaseException as error:  # noqa: BLE001 - a forked process must never return to the pool's loop
        sys.stderr.write(f"{order.command}: {type(error).__name__}: {error}\n")
    finally:
        sys.stderr.flush()
        os._exit(status)


def _serve(listener: socket.socket) -> int:
    from werkzeug.serving import WSGIRequestHandler, make_server  # noqa: PLC0415 - in this process only

    class Quiet(WSGIRequestHandler):
        """Answers one request a connection, and logs none."""

        protocol_version = "HTTP/1.0"

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Does nothing."""

    host, port = listener.getsockname()
    make_server(
        host, port, create(), threaded=True, request_handler=Quiet, fd=listener.fileno()
    ).serve_forever()
    return 0


def main() -> None:
    """Forks a process per line."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    pool = os.getpid()
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        _answer(listener.getsockname()[1])
        for line in sys.stdin:
            pid = os.fork()
            if pid == 0:
                _become(Order.parse(line), pool, listener)
            _answer(pid)


def _answer(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
