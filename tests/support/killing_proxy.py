"""A proxy between a process and its Redis that kills the process at one call of a script."""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Lock, Thread
from urllib.parse import urlsplit

from privacy.store.script import Script
from privacy.store.settings import StoreSettings
from privacy.store.users import USERS
from tests.support.ports import HOST

_READ_BYTES = 1 << 20


@dataclass(frozen=True)
class KillPoint:
    """The moment at which a process is killed.

    Args:
        script: the process is killed at a call of this script.
        call: the number of that call, from 1.
        carried_out: whether Redis carries the call out; the process does not see its answer.
    """

    script: Script
    call: int
    carried_out: bool


@dataclass
class KillingProxy:
    """A proxy for one process.

    Args:
        upstream: address of the Redis.
        point: when the process is killed.
        port: that the proxy listens on.
    """

    upstream: str
    point: KillPoint
    port: int
    _calls: int = field(default=0, init=False)
    _victim: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _lock: Lock = field(default_factory=Lock, init=False)

    def start(self, command: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
        """Start the process and its children in one process group, which is killed as a whole."""
        addresses = {f"LIKEWISE_{room}_URL": f"redis://{HOST}:{self.port}" for room in ("VAULT", "GALLERY")}
        self._victim = subprocess.Popen(
            command, env=environment | addresses, stderr=subprocess.DEVNULL, start_new_session=True
        )
        return self._victim

    def serve(self, client: socket.socket) -> None:
        """Forward the requests of a connection, and their answers."""
        server = _connect(self.upstream)
        doomed: list[bool] = []
        Thread(target=self._forward_answers, args=(server, client, doomed), daemon=True).start()
        digest, seen = self.point.script.digest.encode(), b""
        with suppress(OSError):
            while sent := client.recv(_READ_BYTES):
                here = (seen + sent).count(digest)
                seen = (seen + sent)[-len(digest) + 1 :]
                with self._lock:
                    is_last = self._calls < self.point.call <= self._calls + here
                    self._calls += here
                if is_last and not self.point.carried_out:
                    self._kill()
                    break
                doomed += [True] * is_last
                server.sendall(sent)
        server.close()

    def _forward_answers(self, server: socket.socket, client: socket.socket, doomed: list[bool]) -> None:
        with suppress(OSError):
            while answer := server.recv(_READ_BYTES):
                if doomed:
                    self._kill()
                    break
                client.sendall(answer)
        client.close()

    def _kill(self) -> None:
        assert self._victim is not None
        os.killpg(self._victim.pid, signal.SIGKILL)


@contextmanager
def killing_proxy(settings: StoreSettings, point: KillPoint) -> Iterator[KillingProxy]:
    """Run a proxy for one process that is to be killed."""
    with socket.create_server((HOST, 0)) as listener:
        address = settings.environment(USERS)["LIKEWISE_VAULT_URL"]
        proxy = KillingProxy(address, point, listener.getsockname()[1])

        def accept() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    Thread(target=proxy.serve, args=(client,), daemon=True).start()

        Thread(target=accept, daemon=True).start()
        yield proxy
        # A thread that waits in `accept` keeps the port otherwise.
        listener.shutdown(socket.SHUT_RDWR)


def _connect(address: str) -> socket.socket:
    parts = urlsplit(address)
    if parts.scheme != "unix":
        return socket.create_connection((parts.hostname or HOST, parts.port or 0))
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(parts.path)
    return connection
