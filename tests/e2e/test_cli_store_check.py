"""`likewise store check`: the logs of a data folder, and those of other servers."""

import json
import os
from pathlib import Path

import pytest

from api.http.command import ExitCode
from privacy.embedded.log_files import CLOSED_AT, FILES_FOLDER, MANIFEST
from privacy.embedded.rooms import EmbeddedRooms
from privacy.store.connect import connect
from privacy.store.users import LIMITER, PLATFORM
from tests.support.command_line import likewise

TORN = b"*1\r\n$5\r\nMULTI\r\n*3\r\n$3\r\nSET\r\n$1"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder whose servers have ended."""
    with EmbeddedRooms(tmp_path / "data") as rooms:
        connect(rooms.settings, PLATFORM).set("p:kept", "private")
        connect(rooms.settings, LIMITER).incrby("l:public:kept", 7)
    return tmp_path / "data"


def log_of(folder: Path) -> Path:
    """The file to which a server appends."""
    (path,) = (folder / FILES_FOLDER).glob("*.incr.aof")
    return path


def tear(folder: Path) -> bytes:
    """Leave the log as a server does that is killed while it writes a transaction; the log before that."""
    (folder / FILES_FOLDER / CLOSED_AT).unlink(missing_ok=True)
    before = log_of(folder).read_bytes()
    log_of(folder).write_bytes(before + TORN)
    return before


def test_a_torn_end_of_either_room_is_found_and_cut_off(folder: Path) -> None:
    """The check says how much is torn, and changes nothing; `--fix` cuts it off, and then all is well."""
    whole = likewise("store", "check", "--data-folder", folder)
    assert (whole.returncode, whole.stdout.count("the log is whole")) == (ExitCode.OK, 2)
    for place in (folder, folder / "gallery"):
        path = log_of(place)
        before = tear(place)
        found = likewise("store", "check", "--data-folder", folder)
        assert found.returncode == ExitCode.CHECK_FAILED
        assert f"{place}: {len(TORN)} bytes of a torn transaction" in found.stdout
        assert path.read_bytes() == before + TORN
        fixed = likewise("store", "check", "--fix", "--data-folder", folder)
        assert fixed.returncode == ExitCode.OK
        assert "were cut off" in fixed.stdout
        assert path.read_bytes() == before
    assert likewise("store", "check", "--data-folder", folder).returncode == ExitCode.OK


def test_a_changed_value_is_not_found_and_that_is_said(folder: Path) -> None:
    """A log has no checksums of values: the check does not claim to have looked at them."""
    path = log_of(folder)
    path.write_bytes(path.read_bytes().replace(b"private", b"\0" * 7))
    ran = likewise("store", "check", "--data-folder", folder)
    assert ran.returncode == ExitCode.OK
    assert ran.stdout.count("the log is whole: its framing was checked, not its values") == 2


def test_others_servers_are_checked_by_their_folders(folder: Path) -> None:
    """A folder is named as `dir` has it, or as that of the files in it; machines read the findings."""
    other = folder.rename(folder.with_name("var-lib-redis"))
    tear(other)
    for named in (other, other / FILES_FOLDER):
        ran = likewise("store", "check", "--json", named)
        assert ran.returncode == ExitCode.CHECK_FAILED
        found = {"folder": str(other), "torn_bytes": len(TORN), "cut": False, "fault": None}
        assert json.loads(ran.stdout) == [found]
    ran = likewise("store", "check", "--json", "--fix", other)
    assert (ran.returncode, json.loads(ran.stdout)[0]["cut"]) == (ExitCode.OK, True)


@pytest.mark.parametrize("fix", [(), ("--fix",)])
def test_a_log_cut_to_a_half_is_refused_in_words(folder: Path, fix: tuple[str, ...]) -> None:
    """A copy that was broken off is shorter than when its server ended: it stays as it is."""
    path = log_of(folder)
    os.truncate(path, path.stat().st_size // 2)
    size = path.stat().st_size
    ran = likewise("store", "check", *fix, "--data-folder", folder)
    assert ran.returncode == ExitCode.CHECK_FAILED
    assert "restore the whole folder" in ran.stdout
    assert path.stat().st_size == size


def test_a_manifest_that_lost_its_last_line_is_refused_in_words(folder: Path) -> None:
    """Its server would start without what was written last."""
    manifest = folder / "gallery" / FILES_FOLDER / MANIFEST
    manifest.write_text("".join(manifest.read_text().splitlines(keepends=True)[:-1]))
    ran = likewise("store", "check", "--data-folder", folder)
    assert ran.returncode == ExitCode.CHECK_FAILED
    assert "incr files without a gap; restore the whole folder" in ran.stdout
    assert f"{folder}: the log is whole" in ran.stdout


def test_a_folder_in_use_or_without_a_log_is_refused(tmp_path: Path) -> None:
    """Nothing is cut off under a running server, and an empty folder is not called whole."""
    with EmbeddedRooms(tmp_path / "data"):
        refused = likewise("store", "check", "--fix", "--data-folder", tmp_path / "data")
    assert refused.returncode == ExitCode.STORE_ERROR
    assert "in use by another Likewise" in refused.stderr
    ran = likewise("store", "check", "--data-folder", tmp_path / "nothing")
    assert ran.returncode == ExitCode.CHECK_FAILED
    assert ran.stdout.count("appendonly.aof.manifest: name the folder") == 2


@pytest.mark.parametrize("fix", [(), ("--fix",)])
@pytest.mark.parametrize("in_it", ["", FILES_FOLDER])
def test_the_named_folder_of_a_running_server_is_refused(
    tmp_path: Path, fix: tuple[str, ...], in_it: str
) -> None:
    """An embedded server holds the lock of its folder, under whichever name that is given."""
    with EmbeddedRooms(tmp_path / "data"):
        path = log_of(tmp_path / "data")
        before = path.stat().st_size
        refused = likewise("store", "check", *fix, tmp_path / "data" / in_it)
        assert path.stat().st_size == before
    assert refused.returncode == ExitCode.STORE_ERROR
    assert "in use by another Likewise" in refused.stderr


def test_a_log_that_a_process_has_open_is_refused(folder: Path) -> None:
    """A server of one's own takes no lock: what it has open says that it runs, also under another name."""
    other = folder.rename(folder.with_name("var-lib-redis"))
    (other / "lock").unlink()
    path = log_of(other)
    tear(other)
    os.link(path, other.with_name("the-same-file"))
    with other.with_name("the-same-file").open("ab"):
        for fix in ((), ("--fix",)):
            refused = likewise("store", "check", *fix, other)
            assert refused.returncode == ExitCode.STORE_ERROR
            assert f"the process {os.getpid()} has {path} open" in refused.stderr
            assert path.read_bytes().endswith(TORN)
    assert not (other / "lock").exists()
    assert likewise("store", "check", "--fix", other).returncode == ExitCode.OK
