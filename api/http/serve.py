"""Serves a plane: a listening socket, worker processes that share it, and a listener for health checks."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from threading import Event
from typing import Any, Final

import click

from api.http.front.server import Front
from api.http.sigterm import call_at_sigterm
from api.http.terminal import echo
from api.http.worker_process import WorkerProcess
from privacy.errors import InvalidInputError

LOOPBACK: Final = "127.0.0.1"
METRICS_FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
"""Where prometheus_client's counters of several processes are; it reads this variable when it is imported."""
KILL_AFTER_SECONDS: Final = 10.0
"""How long a request may still take at SIGTERM: more than a store may need to be connected and to answer."""
_POLL_SECONDS: Final = 0.2


@dataclass(frozen=True)
class Serving:
    """How a plane is served.

    Args:
        host: address to listen on.
        port: port to listen on.
        workers: number of processes.
        threads: number of requests that one worker handles at once.
        health_port: port of the listener for health checks; None for none.
    """

    host: str
    port: int
    workers: int
    threads: int
    health_port: int | None = None


def serving_options(port: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Returns a decorator that adds the options of a serving command: host, ports, workers and threads.

    Args:
        port: the default port.
    """
    options = (
        click.option("--host", default=LOOPBACK, show_default=True, help="Address to listen on."),
        click.option(
            "--port",
            type=click.IntRange(1, 65_535),
            default=port,
            show_default=True,
            help="Port to listen on.",
        ),
        click.option(
            "--health-port",
            type=click.IntRange(1, 65_535),
            help="Port that answers /healthz whatever happens on the other one; none if not given.",
        ),
        click.option(
            "--workers", type=click.IntRange(1, 256), default=1, show_default=True, help="Worker processes."
        ),
        click.option(
            "--threads",
            type=click.IntRange(1, 256),
            default=4,
            show_default=True,
            help="Requests that a worker handles at once.",
        ),
    )

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def check_port(option: str, host: str, port: int) -> None:
    """Makes sure that a port is free.

    Args:
        option: command line option that names the port, for the message.
        host: address to listen on.
        port: port to listen on.

    Raises:
        InvalidInputError: the port cannot be used.
    """
    _bind(option, host, port).close()


def find_free_port(host: str) -> int:
    """Returns a port that is free now."""
    with socket.create_server((host, 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _bind(option: str, host: str, port: int) -> socket.socket:
    """Returns a socket that is bound; the first worker that is ready listens."""
    with contextlib.ExitStack() as opened:
        try:
            family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            bound = opened.enter_context(socket.socket(family, kind))
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(address)
        except OSError as error:
            raise InvalidInputError(
                option, f"{host}:{port} cannot be used ({error.strerror})", "a free port"
            ) from error
        opened.pop_all()
        return bound


def serve(module: str, serving: Serving, check: Callable[[], None] = lambda: None) -> None:
    """Serves until SIGTERM or SIGINT.

    Args:
        module: name of the module whose `create` makes the app, once per worker.
        serving: addresses and size.
        check: called first; raises if no worker could be made.

    Raises:
        InvalidInputError: a port cannot be used.
        LikewiseError: the check failed.
        SystemExit: no worker can be made; what it said is on standard error.
    """
    stop = Event()
    with contextlib.ExitStack() as held:
        held.callback(signal.signal, signal.SIGINT, signal.signal(signal.SIGINT, lambda *_: stop.set()))
        held.enter_context(call_at_sigterm(stop.set))
        check()
        _allow_many_connections()
        listener = held.enter_context(_bind("--port", serving.host, serving.port))
        environment = dict(os.environ)
        if serving.workers > 1:
            environment[METRICS_FOLDER] = held.enter_context(TemporaryDirectory(prefix="likewise-metrics-"))
        workers = [
            WorkerProcess(module, listener, serving.threads, environment, time.monotonic)
            for _ in range(serving.workers)
        ]
        if serving.health_port:
            held.enter_context(_health_listener(serving.host, serving.health_port, workers))
        held.callback(_end, workers, listener)
        while not stop.wait(_POLL_SECONDS):
            for worker in workers:
                if report := worker.poll():
                    echo(f"likewise: {report}")
                if worker.failed_with is not None:
                    sys.exit(worker.failed_with)


def _allow_many_connections() -> None:
    """Raises the number of open files to what the system allows: a connection is one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _end(workers: list[WorkerProcess], listener: socket.socket) -> None:
    for worker in workers:
        worker.terminate()
    listener.close()  # as the workers do: no new connection waits for them
    deadline = time.monotonic() + KILL_AFTER_SECONDS
    for worker in workers:
        worker.end(max(0.0, deadline - time.monotonic()))


@contextlib.contextmanager
def _health_listener(host: str, port: int, workers: list[WorkerProcess]) -> Iterator[None]:
    """Answers health checks in this process, where no request of a client is handled."""

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        known = environ["PATH_INFO"] == "/healthz" and environ["REQUEST_METHOD"] in {"GET", "HEAD"}
        alive = any(worker.is_serving for worker in workers)
        status = "404 Not Found" if not known else "200 OK" if alive else "503 Service Unavailable"
        text = b'{"status":"ok"}' if known and alive else b'{"status":"failing"}'
        start_response(
            status,
            [
                ("Content-Type", "application/json"),
                ("Cache-Control", "no-store"),
                ("Content-Length", str(len(text))),
            ],
        )
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [text]

    with _bind("--health-port", host, port) as listener:
        front = Front(app, listener, handlers=1)
        front.start()
        try:
            yield
        finally:
            front.stop()
