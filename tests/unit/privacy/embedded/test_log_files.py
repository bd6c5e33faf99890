"""No server starts without a part of its log, and each starts in whatever state a killed one left it."""

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from privacy.embedded.append_log import AppendLog
from privacy.embedded.log_files import CLOSED_AT, FILES_FOLDER, MANIFEST
from privacy.embedded.server import EmbeddedRedis, redis_server_program
from privacy.errors import StoreError
from privacy.store.users import USERS
from tests.support.eventually import eventually
from tests.support.log_states import BASE, DAMAGED, INCR, LEFT_BY_A_FIRST_START, LEFT_BY_REDIS
from tests.support.redis_server import ROOT, clients


def serve(folder: Path) -> EmbeddedRedis:
    """A server with one more user, who may do everything."""
    return EmbeddedRedis(folder, users=(*USERS, ROOT))


def read_key(folder: Path) -> object:
    """Start a server and read what was written."""
    with serve(folder) as server, clients(server) as store:
        return store.root.get("kept")


def contents(folder: Path) -> dict[str, bytes]:
    """All files of a log."""
    return {path.name: path.read_bytes() for path in (folder / FILES_FOLDER).iterdir()}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a server that was killed."""
    folder = tmp_path_factory.mktemp("written")
    server = serve(folder)
    with server, clients(server) as store:
        store.root.set("kept", 1)
        os.kill(server.pid, signal.SIGKILL)
    return folder


@pytest.fixture
def killed(written: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    shutil.copytree(written / FILES_FOLDER, tmp_path / "data" / FILES_FOLDER)
    return tmp_path / "data"


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a server that rewrote its log, took one more write, and ended on request."""
    folder = tmp_path_factory.mktemp("ended")
    files = folder / FILES_FOLDER
    with serve(folder) as server, clients(server) as store:
        store.root.bgrewriteaof()
        eventually((files / BASE.format(2)).exists, "the new base")
        eventually(lambda: not (files / INCR.format(1)).exists(), "the end of the rewrite")
        store.root.set("kept", 1)
    return folder


@pytest.fixture
def rewritten(ended: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    shutil.copytree(ended / FILES_FOLDER, tmp_path / "data" / FILES_FOLDER)
    return tmp_path / "data"


@pytest.mark.parametrize("change", LEFT_BY_REDIS.values(), ids=LEFT_BY_REDIS)
def test_a_server_killed_in_a_rewrite_starts(killed: Path, change: Callable[[Path], object]) -> None:
    """Between any two steps: all that was acknowledged is there, also after a stop and one more rewrite."""
    change(killed / FILES_FOLDER)
    server = serve(killed)
    with server, clients(server) as store:
        assert store.root.get("kept") == b"1"
        store.root.bgrewriteaof()
        eventually(lambda: not store.root.info("persistence")["aof_rewrite_in_progress"], "the rewrite")
    assert read_key(killed) == b"1"


@pytest.mark.parametrize("change", LEFT_BY_A_FIRST_START.values(), ids=LEFT_BY_A_FIRST_START)
def test_a_server_killed_at_its_first_start_starts(killed: Path, change: Callable[[Path], object]) -> None:
    """It had taken no write: there is nothing to restore."""
    change(killed / FILES_FOLDER)
    assert read_key(killed) is None


def test_a_server_is_killed_while_it_rewrites(tmp_path: Path) -> None:
    """Redis itself leaves two incr files then, and what is in both is there."""
    server = serve(tmp_path)
    server.start()
    with clients(server) as store:
        store.root.mset({f"key-{number}": number for number in range(400)})
        store.root.bgrewriteaof()
        eventually((tmp_path / FILES_FOLDER / INCR.format(2)).exists, "the next incr file")
        store.root.set("kept", 1)
        os.kill(server.pid, signal.SIGKILL)
    server.stop()
    assert not (tmp_path / FILES_FOLDER / BASE.format(2)).exists()
    with server, clients(server) as store:
        assert (store.root.get("kept"), store.root.get("key-399")) == (b"1", b"399")


@pytest.mark.parametrize("change", DAMAGED.values(), ids=DAMAGED)
def test_a_log_without_a_part_is_refused_and_stays(killed: Path, change: Callable[[Path], object]) -> None:
    """The server is not started, and the check of the files refuses it as well, with `fix`, too."""
    change(killed / FILES_FOLDER)
    before = contents(killed)
    with pytest.raises(StoreError, match="restore the whole folder"):
        serve(killed).start()
    if MANIFEST in before:
        with pytest.raises(StoreError, match="restore the whole folder"):
            AppendLog(killed).count_torn_bytes(redis_server_program, fix=True)
    assert contents(killed) == before


def test_a_rewritten_log_that_lost_the_last_line_of_its_manifest_is_refused(rewritten: Path) -> None:
    """Redis would begin a new incr file with the number 1, and say nothing."""
    manifest = rewritten / FILES_FOLDER / MANIFEST
    whole = manifest.read_text()
    manifest.write_text(whole.splitlines(keepends=True)[0])
    with pytest.raises(StoreError, match="restore the whole folder"):
        serve(rewritten).start()
    manifest.write_text(whole)
    assert read_key(rewritten) == b"1"


@pytest.mark.parametrize("name", [BASE.format(2), INCR.format(2)])
@pytest.mark.parametrize("bytes_more", [-3, 3])
def test_a_log_that_is_not_as_its_server_left_it_is_refused(
    rewritten: Path, name: str, bytes_more: int
) -> None:
    """Every file has the size that was noted; without the note, the way on, the whole log is checked."""
    path = rewritten / FILES_FOLDER / name
    raw = path.read_bytes()
    path.write_bytes(raw[:bytes_more] if bytes_more < 0 else raw + b"*3\r")
    for refused in (serve(rewritten).start, lambda: check(rewritten)):
        with pytest.raises(StoreError, match=rf"{name} is not as its server left it: {len(raw)} bytes then"):
            refused()
    if name == INCR.format(2):
        (rewritten / FILES_FOLDER / CLOSED_AT).unlink()
        assert check(rewritten) > 0


def test_an_incr_file_that_is_lost_with_its_line_is_missed(rewritten: Path) -> None:
    """The manifest and the folder agree, and the note knows better."""
    folder = rewritten / FILES_FOLDER
    (folder / INCR.format(2)).rename(folder / INCR.format(3))
    (folder / MANIFEST).write_text(
        (folder / MANIFEST).read_text().replace("2.incr", "3.incr").replace("seq 2 type i", "seq 3 type i")
    )
    with pytest.raises(StoreError, match=r"2\.incr\.aof is not as its server left it: .* now; restore"):
        serve(rewritten).start()


def test_a_note_of_the_newest_file_only_is_enough(rewritten: Path) -> None:
    """Older versions wrote that."""
    folder = rewritten / FILES_FOLDER
    size = (folder / INCR.format(2)).stat().st_size

    def find_no_program() -> Path:
        raise AssertionError("the check was run")

    (folder / CLOSED_AT).write_text(f"{INCR.format(2)} {size}\n")
    assert AppendLog(rewritten).begin_repair(find_no_program) is None
    (folder / CLOSED_AT).write_text(f"{INCR.format(2)} {size - 1}\n")
    with pytest.raises(StoreError, match="is not as its server left it"):
        AppendLog(rewritten).begin_repair(find_no_program)


def test_a_log_that_ended_whole_is_not_cut(rewritten: Path) -> None:
    """Zeros that a bad disk put in place of its last bytes were acknowledged writes."""
    path = rewritten / FILES_FOLDER / INCR.format(2)
    raw = path.read_bytes()
    path.write_bytes(raw[:-9] + bytes(9))
    with pytest.raises(StoreError, match="was whole when its server ended: restore a backup"):
        AppendLog(rewritten).count_torn_bytes(redis_server_program, fix=True)
    assert path.read_bytes() == raw[:-9] + bytes(9)


def check(folder: Path) -> int:
    """Count the torn bytes."""
    return AppendLog(folder).count_torn_bytes(redis_server_program, fix=False)
