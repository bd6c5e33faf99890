"""A torn transaction at the end of the log is cut off before the server loads it."""

import os
import signal
from contextlib import closing
from pathlib import Path

import pytest

from privacy.embedded.append_log import MAX_TORN_BYTES, AppendLog
from privacy.embedded.server import EmbeddedRedis, redis_server_program
from privacy.errors import StoreError
from privacy.store.users import USERS
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
    with pytest.raises(StoreError, match="restore the whole file"):
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

    assert AppendLog(server.folder).repair(find_no_program) == 0
    with closing(newest_log(server).open("ab")) as log:
        log.write(b"*1\r\n$5\r\nMULTI\r\n")
    assert AppendLog(server.folder).repair(redis_server_program) == 15
