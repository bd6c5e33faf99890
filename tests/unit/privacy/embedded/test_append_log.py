"""A torn transaction at the end of the log is cut off before the server loads it."""

import os
import signal
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from privacy.embedded.append_log import MAX_TORN_BYTES, AppendLog
from privacy.embedded.lock import locked
from privacy.embedded.log_files import CLOSED_AT, FILES_FOLDER
from privacy.embedded.server import EmbeddedRedis, redis_server_program
from privacy.errors import StoreError
from privacy.store.users import USERS
from tests.support.command_line import family
from tests.support.eventually import eventually
from tests.support.redis_server import ROOT, clients

SCRIPT = "redis.call('APPEND','count','1') redis.call('APPEND','other','1') redis.call('SET','mark',ARGV[1])"
ONCE = (b"1", b"1", b"1")


@pytest.fixture
def server(tmp_path: Path) -> EmbeddedRedis:
    """A server with one more user, who may do everything."""
    return EmbeddedRedis(tmp_path, users=(*USERS, ROOT))


def newest_log(server: EmbeddedRedis) -> Path:
    """The file to which the server appends."""
    return max((server.folder / "appendonlydir").glob("*.incr.aof"), key=lambda path: path.stat().st_mtime)


def kill(server: EmbeddedRedis) -> None:
    """End the server by SIGKILL."""
    os.kill(server.pid, signal.SIGKILL)
    server.stop()


def run_once(server: EmbeddedRedis) -> tuple[object, ...]:
    """Start the server, run the script as its caller does again, and kill it; what it wrote."""
    server.start()
    with clients(server) as store:
        if store.root.get("mark") is None:
            store.root.eval(SCRIPT, 0, 1)
        found = tuple(store.root.mget("count", "other", "mark"))
    kill(server)
    return found


def load(server: EmbeddedRedis) -> tuple[object, ...]:
    """Start the server, read what the script wrote, and kill it."""
    server.start()
    with clients(server) as store:
        found = tuple(store.root.mget("count", "other", "mark"))
    kill(server)
    return found


@pytest.fixture
def torn(server: EmbeddedRedis) -> tuple[EmbeddedRedis, int, bytes]:
    """A log with one transaction at its end: the server, where the transaction begins, and all bytes."""
    server.start()
    with clients(server) as store:
        store.root.set("before", 1)
    kill(server)
    begin = newest_log(server).stat().st_size
    server.start()
    with clients(server) as store:
        store.root.eval(SCRIPT, 0, 1)
    kill(server)
    return server, begin, newest_log(server).read_bytes()


def test_a_transaction_torn_anywhere_counts_once_after_two_loads(
    torn: tuple[EmbeddedRedis, int, bytes],
) -> None:
    """Wherever the transaction is cut, doing it again counts it once, and the load after that agrees."""
    server, begin, raw = torn
    for cut in (*range(begin + 1, len(raw), 11), len(raw) - 1):
        newest_log(server).write_bytes(raw[:cut])
        assert run_once(server) == ONCE, cut
        assert server.cut_bytes == cut - begin
        assert load(server) == ONCE, cut
        assert server.cut_bytes == 0


def test_a_whole_log_stays_as_it_is(torn: tuple[EmbeddedRedis, int, bytes]) -> None:
    """Nothing is cut off a log that ends in a whole transaction."""
    server, _, raw = torn
    assert load(server) == ONCE
    assert newest_log(server).read_bytes() == raw
    assert AppendLog(server.folder).last_cut() == 0


def test_acknowledged_writes_survive_an_orderly_restart_after_a_torn_log(
    torn: tuple[EmbeddedRedis, int, bytes],
) -> None:
    """Single writes behind a torn transaction are still there after the next, orderly restart."""
    server, _, raw = torn
    newest_log(server).write_bytes(raw[:-9])
    server.start()
    with clients(server) as store:
        for number in range(100):
            store.root.set(f"acknowledged-{number}", number)
    server.stop()
    with server, clients(server) as store:
        assert len(store.root.keys("acknowledged-*")) == 100


def test_a_log_that_lost_its_end_after_an_orderly_stop_is_refused(server: EmbeddedRedis) -> None:
    """A log that is shorter than when its server ended was damaged by someone: it is not loaded."""
    with server, clients(server) as store:
        store.root.set("kept", 1)
    log = newest_log(server)
    os.truncate(log, log.stat().st_size // 2)
    with pytest.raises(StoreError, match="restore the whole folder"):
        server.start()


@pytest.mark.parametrize("wrong", [b"*2\r\n", b"$0\r\n", b"\x00\x00\x00\x00", b"abcd"])
def test_damage_in_the_middle_is_refused(server: EmbeddedRedis, wrong: bytes) -> None:
    """A log that is damaged before its end is not cut: acknowledged writes would be lost."""
    server.start()
    with clients(server) as store:
        for number in range(100):
            store.root.set(f"acknowledged-{number}", number)
    kill(server)
    log = newest_log(server)
    raw = log.read_bytes()
    place = raw.index(b"$3\r\nSET", len(raw) // 2)
    log.write_bytes(raw[:place] + wrong + raw[place + 4 :])
    with pytest.raises(StoreError, match="damaged"):
        server.start()
    assert len(log.read_bytes()) == len(raw)


@pytest.mark.parametrize(("word", "wrong"), [(b"EXEC", b"EXED"), (b"MULTI", b"MULTJ")])
def test_a_damaged_transaction_before_others_is_refused(
    server: EmbeddedRedis, word: bytes, wrong: bytes
) -> None:
    """A wrong byte in a transaction does not remove the acknowledged ones behind it."""
    server.start()
    with clients(server) as store:
        for number in range(20):
            store.root.eval(SCRIPT, 0, number)
    kill(server)
    log = newest_log(server)
    raw = log.read_bytes()
    place = raw.index(word, len(raw) // 3)
    log.write_bytes(raw[:place] + wrong + raw[place + len(word) :])
    with pytest.raises(StoreError, match="damaged"):
        server.start()
    assert len(log.read_bytes()) == len(raw)


def test_what_was_acknowledged_behind_a_torn_transaction_is_not_cut_off(
    torn: tuple[EmbeddedRedis, int, bytes],
) -> None:
    """A log that an older server continued behind a torn transaction is refused."""
    server, begin, raw = torn
    newest_log(server).write_bytes(raw[:-14] + raw[begin:])
    with pytest.raises(StoreError, match="appended to after a torn transaction"):
        server.start()


def test_a_torn_single_command_is_cut_off(server: EmbeddedRedis) -> None:
    """A command outside a transaction that was not written to its end was never acknowledged."""
    server.start()
    with clients(server) as store:
        store.root.set("kept", 1)
        store.root.set("torn", 2)
    kill(server)
    log = newest_log(server)
    os.truncate(log, log.stat().st_size - 3)
    with server, clients(server) as store:
        assert (store.root.get("kept"), store.root.get("torn")) == (b"1", None)


@pytest.mark.parametrize("name", ["appendonlydir/closed-at", "log-last-cut"])
@pytest.mark.parametrize("content", [b"appendonly.aof.1.incr.aof abc", b"\xff", b""])
def test_a_damaged_note_is_as_none(server: EmbeddedRedis, name: str, content: bytes) -> None:
    """The notes spare work and inform; a damaged one does not stop a start."""
    with server, clients(server) as store:
        store.root.set("kept", 1)
    (server.folder / name).write_bytes(content)
    assert AppendLog(server.folder).last_cut() == 0
    with server, clients(server) as store:
        assert store.root.get("kept") == b"1"


@pytest.mark.parametrize("manifest", [None, b"\xff\xfe"])
def test_a_log_without_its_manifest_is_refused(server: EmbeddedRedis, manifest: bytes | None) -> None:
    """Redis would start empty, and write a new manifest over the old log."""
    with server, clients(server) as store:
        store.root.set("kept", 1)
    path = server.folder / "appendonlydir" / "appendonly.aof.manifest"
    path.unlink() if manifest is None else path.write_bytes(manifest)
    with pytest.raises(StoreError, match="restore the whole folder"):
        server.start()


def test_more_than_a_script_writes_is_not_cut_off(server: EmbeddedRedis) -> None:
    """A torn command of more than `MAX_TORN_BYTES` is damage."""
    server.start()
    with clients(server) as store:
        store.root.config_set("auto-aof-rewrite-percentage", 0)
        store.root.set("large", b"x" * (MAX_TORN_BYTES + 1000))
    kill(server)
    os.truncate(newest_log(server), newest_log(server).stat().st_size - 9)
    with pytest.raises(StoreError, match="damaged"):
        server.start()


def test_an_orderly_stop_spares_the_check(server: EmbeddedRedis) -> None:
    """After a stop on request the log is as it was recorded, and the check is not run."""
    with server, clients(server) as store:
        store.root.set("kept", 1)

    def find_no_program() -> Path:
        raise AssertionError("the check was run")

    assert AppendLog(server.folder).begin_repair(find_no_program) is None
    (server.folder / FILES_FOLDER / CLOSED_AT).unlink()
    with closing(newest_log(server).open("ab")) as log:
        log.write(b"*1\r\n$5\r\nMULTI\r\n")
    repair = AppendLog(server.folder).begin_repair(redis_server_program)
    assert repair
    assert repair.finish() == 15


def test_a_check_takes_its_time_and_can_be_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large log is read for minutes: nobody is blocked, it is said, a stop ends it, and no limit does.

    A check that was killed is not taken for a damaged log.
    """
    server = EmbeddedRedis(tmp_path / "data", program=redis_server_program())
    server.start()
    kill(server)
    monkeypatch.setattr(server, "_patience_seconds", 0)
    gate, slow = tmp_path / "gate", tmp_path / "redis-check-aof"
    slow.write_text(f"#!/bin/sh\nwhile [ ! -e {gate} ]; do sleep 0.02; done\n")
    slow.chmod(0o700)
    monkeypatch.setattr("privacy.embedded.server.redis_server_program", lambda: slow)
    for ends in (server.stop, lambda: kill_check(server)):
        server.launch()
        assert not server.is_ready()
        assert server.activity == "checking its log for a torn end"
        ends()
        with locked(tmp_path / "data", 0):
            pass
    server.launch()
    assert not server.is_ready()
    gate.touch()
    monkeypatch.setattr(server, "_patience_seconds", 60)
    eventually(server.is_ready, "the start after the check")
    server.stop()


def kill_check(server: EmbeddedRedis) -> None:
    """Kill the check of a server's log; the server says so, and lets go of its folder."""
    os.kill(eventually(find_check, "the check"), signal.SIGKILL)
    with pytest.raises(StoreError, match=r"was ended by SIGKILL: start again"):
        eventually(server.is_ready, "the end of the check")


def find_check() -> int | None:
    """The process that checks a log; None before it runs that program."""
    running = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in family(os.getpid())}
    return min((pid for pid, command in running.items() if b"redis-check-aof" in command), default=None)


def test_a_check_of_files_changes_nothing_unless_it_is_to_cut(torn: tuple[EmbeddedRedis, int, bytes]) -> None:
    """It counts what is torn; with `fix` that is cut off, and then the log is whole, also for a note."""
    server, begin, raw = torn
    log, path = AppendLog(server.folder), newest_log(server)
    path.write_bytes(raw[:-9])
    size = len(raw) - 9 - begin
    assert log.count_torn_bytes(redis_server_program, fix=False) == size
    assert path.read_bytes() == raw[:-9]
    assert log.count_torn_bytes(redis_server_program, fix=True) == size
    assert path.read_bytes() == raw[:begin]
    assert log.count_torn_bytes(redis_server_program, fix=False) == 0
    assert log.last_cut() == size


@pytest.mark.parametrize("cut", [0, 40])
def test_zeros_at_the_end_are_cut_off_where_an_operator_asks(
    torn: tuple[EmbeddedRedis, int, bytes], cut: int
) -> None:
    """A power cut leaves them, and a bad disk does, too: so no start cuts them off by itself."""
    server, begin, raw = torn
    whole = raw[: len(raw) - cut]
    newest_log(server).write_bytes(whole + bytes(512))
    with pytest.raises(StoreError, match="damaged"):
        server.start()
    torn_bytes = 512 + (len(whole) - begin if cut else 0)
    assert AppendLog(server.folder).count_torn_bytes(redis_server_program, fix=True) == torn_bytes
    assert load(server) == ((None, None, None) if cut else ONCE)


def test_damage_is_never_fixed(torn: tuple[EmbeddedRedis, int, bytes]) -> None:
    """What follows a damaged byte was acknowledged: a check with `fix` refuses, and changes nothing."""
    server, begin, raw = torn
    damaged = raw[:begin] + b"#" + raw[begin + 1 :] + raw[begin:]
    newest_log(server).write_bytes(damaged)
    with pytest.raises(StoreError, match="restore a backup"):
        AppendLog(server.folder).count_torn_bytes(redis_server_program, fix=True)
    assert newest_log(server).read_bytes() == damaged


def test_a_log_that_grows_is_not_cut(
    torn: tuple[EmbeddedRedis, int, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that still runs has not written its last command to the end yet: that is no torn one."""
    server, _, raw = torn
    newest_log(server).write_bytes(raw[:-9])
    real_begin = subprocess.Popen

    def check_while_it_grows(*arguments: Any, **options: Any) -> Any:
        check = real_begin(*arguments, **options)
        os.waitid(os.P_PID, check.pid, os.WEXITED | os.WNOWAIT)
        newest_log(server).write_bytes(raw)
        return check

    monkeypatch.setattr("privacy.embedded.append_log.subprocess.Popen", check_while_it_grows)
    with pytest.raises(StoreError, match="is being written: stop its server first"):
        AppendLog(server.folder).count_torn_bytes(redis_server_program, fix=True)
    assert newest_log(server).read_bytes() == raw


def test_a_folder_without_a_log_is_named(tmp_path: Path) -> None:
    """A wrong folder is not taken for a whole log."""
    with pytest.raises(StoreError, match=r"there is no .*appendonly\.aof\.manifest"):
        AppendLog(tmp_path).count_torn_bytes(redis_server_program, fix=True)
