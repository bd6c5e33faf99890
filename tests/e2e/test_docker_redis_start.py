"""The start of a container's Redis cuts a torn transaction off its log, and starts on no damaged log."""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from privacy.embedded.log_files import FILES_FOLDER
from privacy.embedded.server import EmbeddedRedis, redis_server_program
from privacy.store.users import USERS
from tests.support.compose import SERVERS, SERVICES, mounts
from tests.support.dockerfile import ROOT
from tests.support.log_states import DAMAGED, LEFT_BY_A_FIRST_START, LEFT_BY_REDIS
from tests.support.redis_server import ROOT as ROOT_USER
from tests.support.redis_server import clients

SCRIPT: Final = "redis.call('SET','a','\\r\\n*1\\r\\n') redis.call('APPEND','b','1')"
LEFT_BY_KILLS: Final = {**LEFT_BY_REDIS, **LEFT_BY_A_FIRST_START}
STARTED: Final = "a server was started\n"


@dataclass(frozen=True)
class Log:
    """A server's log with single commands, and a transaction at its end."""

    folder: Path
    path: Path
    begin: int
    raw: bytes


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Log:
    """The log of a server that was killed."""
    folder = tmp_path_factory.mktemp("written")
    server = EmbeddedRedis(folder, users=(*USERS, ROOT_USER))
    with server, clients(server) as store:
        for number in range(20):
            store.root.set(f"key-{number}", number)
        (path,) = (folder / FILES_FOLDER).glob("*.incr.aof")
        begin = path.stat().st_size
        store.root.eval(SCRIPT, 0)
        os.kill(server.pid, signal.SIGKILL)
    return Log(folder, path, begin, path.read_bytes())


@pytest.fixture
def log(written: Log, tmp_path: Path) -> Log:
    """A copy of it."""
    folder = tmp_path / "data"
    shutil.copytree(written.folder / FILES_FOLDER, folder / FILES_FOLDER)
    return Log(folder, folder / FILES_FOLDER / written.path.name, written.begin, written.raw)


def start(log: Log) -> subprocess.CompletedProcess[str]:
    """Run the command of the compose file, with programs of the names that the image has."""
    programs = log.folder.parent / "bin"
    programs.mkdir(exist_ok=True)
    (programs / "redis-server").write_text(f"#!/bin/sh\nprintf '{STARTED}'\n")
    (programs / "redis-server").chmod(0o700)
    (programs / "redis-check-aof").unlink(missing_ok=True)
    (programs / "redis-check-aof").symlink_to(redis_server_program())
    server = SERVERS[next(iter(SERVERS))]
    command = [word.replace("/data", str(log.folder)) for word in SERVICES[server]["command"]]
    command[1] = str(ROOT / "docker" / mounts(server)[command[1]])
    path = f"{programs}:{os.environ['PATH']}"
    return subprocess.run(command, env={"PATH": path}, capture_output=True, text=True, check=False)


def test_a_transaction_torn_anywhere_is_cut_off(log: Log) -> None:
    """Whatever part of it is there, the log ends before it when the server starts, and that is said."""
    for cut in (*range(log.begin + 1, len(log.raw), 13), len(log.raw) - 1):
        log.path.write_bytes(log.raw[:cut])
        ran = start(log)
        assert (ran.returncode, ran.stdout) == (0, STARTED), ran.stderr
        assert log.path.read_bytes() == log.raw[: log.begin]
        assert f"{cut - log.begin} bytes of a transaction" in ran.stderr


def test_a_torn_single_command_is_cut_off(log: Log) -> None:
    """A command outside a transaction that has no end was never acknowledged, either."""
    begin = log.raw.rindex(b"*3\r\n$3\r\nSET", 0, log.begin)
    for cut in (begin + 1, begin + 9, log.begin - 1):
        log.path.write_bytes(log.raw[:cut])
        ran = start(log)
        assert (ran.returncode, ran.stdout) == (0, STARTED), ran.stderr
        assert log.path.read_bytes() == log.raw[:begin]


def test_a_whole_log_and_an_empty_folder_are_left_alone(log: Log) -> None:
    """Nothing is cut off them, and nothing is said."""
    assert (start(log).stdout, start(log).stderr) == (STARTED, "")
    assert log.path.read_bytes() == log.raw
    shutil.rmtree(log.folder / FILES_FOLDER)
    assert (start(log).stdout, start(log).stderr) == (STARTED, "")


@pytest.mark.parametrize(
    "damage",
    [
        lambda log: log.raw[: log.begin] + log.raw[log.begin : -14] + log.raw[log.begin :],
        lambda log: log.raw[: log.begin // 2] + b"#" + log.raw[log.begin // 2 + 1 :],
        lambda log: log.raw[: log.begin] + bytes(512),
        lambda log: log.raw.replace(b"MULTI", b"MULTJ"),
        lambda log: log.raw[: log.begin] + b"garbage",
    ],
    ids=["appended-to", "a-byte", "zeros", "multi", "garbage"],
)
def test_a_damaged_log_starts_no_server_and_stays(log: Log, damage: object) -> None:
    """What follows the damage may have been acknowledged: only a backup helps."""
    assert callable(damage)
    log.path.write_bytes(damage(log))
    before = log.path.read_bytes()
    ran = start(log)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "restore a backup" in ran.stderr
    assert log.path.read_bytes() == before


@pytest.mark.parametrize("change", LEFT_BY_KILLS.values(), ids=LEFT_BY_KILLS)
def test_a_log_that_a_killed_server_left_is_loaded(log: Log, change: Callable[[Path], object]) -> None:
    """Wherever a rewrite, or the first start, was ended."""
    change(log.folder / FILES_FOLDER)
    ran = start(log)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, STARTED, "")


@pytest.mark.parametrize("change", DAMAGED.values(), ids=DAMAGED)
def test_a_log_without_a_part_starts_no_server_and_stays(log: Log, change: Callable[[Path], object]) -> None:
    """Redis would ignore what is not listed, and write a new manifest."""
    change(log.folder / FILES_FOLDER)
    before = {path.name: path.read_bytes() for path in (log.folder / FILES_FOLDER).iterdir()}
    ran = start(log)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "restore the whole folder" in ran.stderr
    assert {path.name: path.read_bytes() for path in (log.folder / FILES_FOLDER).iterdir()} == before


@pytest.mark.parametrize("server", SERVERS.values())
def test_both_servers_start_that_way(server: str) -> None:
    """No server of the compose file loads a log that was not looked at."""
    words = ["sh", "/etc/redis/start-redis.sh", "/data", "/etc/redis/redis.conf"]
    assert SERVICES[server]["command"] == words
    assert mounts(server)["/etc/redis/start-redis.sh"] == "./start-redis.sh"
