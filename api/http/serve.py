"""Serves a plane's app with granian: WSGI, a few threads per worker; workers that die are replaced."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from threading import Thread
from typing import TYPE_CHECKING, Any, Final

import click
from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from privacy.errors import InvalidInputError, StoreBusyError
from privacy.store.die_with_parent import die_with_parent

if TYPE_CHECKING:
    from flask import Flask

LOOPBACK: Final = "127.0.0.1"
KILL_AFTER_SECONDS: Final = 10
"""How long a request may still take at SIGTERM: more than a store may need to be connected and to answer."""
_FIRST_BACK_OFF_SECONDS: Final = 0.2
_MAX_BACK_OFF_SECONDS: Final = 5.0


@dataclass(frozen=True)
class Serving:
    """How a plane is served.

    Args:
        host: address to listen on.
        port: port to listen on.
        workers: number of processes.
        threads: number of requests that one worker handles at once.
    """

    host: str
    port: int
    workers: int
    threads: int


def serving_options(port: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Returns a decorator that adds the options of a serving command: host, port, workers and threads.

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
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise InvalidInputError(
            option, f"{host}:{port} cannot be used ({error.strerror})", "a free port"
        ) from error


def serve(module: str, serving: Serving) -> None:
    """Serves until SIGTERM.

    Args:
        module: name of the module whose `create` makes the app, once per worker.
        serving: address and size.

    Raises:
        InvalidInputError: the port cannot be used.
    """
    check_port("--port", serving.host, serving.port)
    _take_sigterm_in_a_thread()
    server = _PlaneServer(
        f"{module}:create",
        address=serving.host,
        port=serving.port,
        interface=Interfaces.WSGI,
        workers=serving.workers,
        blocking_threads=serving.threads,
        websockets=False,
        log_level=LogLevels.warning,
        respawn_failed_workers=True,
        workers_kill_timeout=KILL_AFTER_SECONDS,
    )
    server.serve(target_loader=partial(_load, os.getpid()))


class _PlaneServer(Granian):  # type: ignore[misc, valid-type]  # a class by another name, for each build
    """Replaces workers that were killed, however often; granian ends at the second death within seconds.

    A worker that ends by itself twice, because it cannot make its app, still ends the server.
    """

    def _respawn_workers(
        self, workers: list[int], spawn_target: object, target_loader: object, delay: float = 0
    ) -> None:
        killed = [index for index in workers if (self.wrks[index].inner.exitcode or 0) < 0]
        super()._respawn_workers(workers, spawn_target, target_loader, delay)
        for index in killed:
            del self.respawned_wrks[index]


def _load(server_pid: int, target: str) -> Flask:
    """Makes the app in a worker that ends with its server, even if the server is killed.

    A store that does not answer is waited for, with a line at each try.
    """
    die_with_parent(server_pid, signal.SIGKILL)
    _take_sigterm_in_a_thread()
    module, _, name = target.partition(":")
    create: Callable[[], Flask] = getattr(import_module(module), name)
    rest_seconds = _FIRST_BACK_OFF_SECONDS
    while True:
        try:
            return create()
        except StoreBusyError as error:
            with suppress(OSError):  # its disk may be full
                sys.stderr.write(f"{module}: {error}; retrying in {rest_seconds:.1f} s\n")
        time.sleep(rest_seconds)  # a store sends no notification
        rest_seconds = min(2 * rest_seconds, _MAX_BACK_OFF_SECONDS)


def _take_sigterm_in_a_thread() -> None:
    """Lets a thread wait for SIGTERM and call its handler.

    Python runs handlers in the main thread only. A signal that arrives just before that thread waits, as
    granian's do without a limit, stays unseen until something else wakes it: a server that is stopped in its
    first moments on a busy machine would take requests until it is killed, and cut them off.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # inherited by all threads from here on
    Thread(target=_handle_sigterm, daemon=True).start()


def _handle_sigterm() -> None:
    signal.sigwait({signal.SIGTERM})
    handler = signal.getsignal(signal.SIGTERM)
    if callable(handler):
        handler(signal.SIGTERM, None)
    else:  # nothing is served yet
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        os.kill(os.getpid(), signal.SIGTERM)
