"""`likewise up` when something of the deployment is full, slow or gone."""

import os
import resource
import shutil
import signal
from functools import partial
from http import HTTPStatus
from pathlib import Path

from api.http.command import ExitCode
from api.http.system import clock_ms
from privacy.embedded.log_files import CLOSED_AT, FILES_FOLDER
from privacy.embedded.rooms import EmbeddedRooms
from privacy.model.timestamp import format_timestamp
from tests.support.command_line import System, all_gone, likewise, port_options, up
from tests.support.eventually import eventually
from tests.support.prepared_store import prepare_store

VIDEO = {"video_id": "v-1", "posted_at": format_timestamp(clock_ms() - 60_000)}


def like(system: System, account: str) -> dict[str, int] | None:
    """Send one like; the verdicts, or None if it was not taken."""
    event = {"type": "like", "account_id": account, "video_id": "v-1", "occurred_at": VIDEO["posted_at"]}
    answer = system.send("/v1/events", [event])
    return answer.json()["verdicts"] if answer.ok else None


def counts(system: System, account: str) -> bool:
    """Return whether a like was taken and counted, now or before."""
    verdicts = like(system, account)
    return verdicts is not None and verdicts["counted"] + verdicts["duplicate"] == 1


def limit_files(pid: int, size: int) -> None:
    """Let a process make no file larger than that: what it meets is what a full disk is."""
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def fill_disk(system: System, folder: Path, *rooms: str) -> None:
    """Leaves the servers of these rooms no room, and those that `up` starts again."""
    logs = {"private": folder / FILES_FOLDER, "gallery": folder / "gallery" / FILES_FOLDER}
    sizes = {room: next(logs[room].glob("*.incr.aof")).stat().st_size for room in rooms}
    for room, size in sizes.items():
        limit_files(system.welcome["pids"][f"redis-{room}"], size)
    limit_files(system.process.pid, min(sizes.values()))


def is_read_only(folder: Path, room: str) -> bool:
    """Return whether `up` has said that the server of a room can only be read."""
    return f"redis-{room} can only be read: its disk is full" in folder.with_name("data.errors").read_text()


def test_a_full_disk_ends_neither_the_system_nor_readers(tmp_path: Path) -> None:
    """Both rooms' servers cannot write, and end; they are started to be read, and readers are answered.

    When there is room again, events are taken without anyone doing anything, and none is lost.
    """
    folder = tmp_path / "data"
    with up(folder) as system:
        assert system.send("/v1/videos", [VIDEO]).ok
        assert counts(system, "a-1")
        fill_disk(system, folder, "private", "gallery")
        assert like(system, "a-2") is None
        assert system.read("/v1/videos/v-1/likes").status_code == HTTPStatus.SERVICE_UNAVAILABLE
        for room in ("private", "gallery"):
            all_gone({system.welcome["pids"][f"redis-{room}"]})
            eventually(partial(is_read_only, folder, room), "a start on the full disk")
        eventually(lambda: system.read("/v1/videos/v-1/likes").ok, "readers being answered")
        assert like(system, "a-3") is None
        assert system.read("/v1/videos/v-1/likes").ok
        limit_files(system.process.pid, resource.RLIM_INFINITY)
        eventually(lambda: counts(system, "a-2"), "events being taken again", 60)
        # Each server is started again on its own, once it has room.
        eventually(lambda: system.read("/v1/videos/v-1/likes").ok, "readers being answered", 60)
        assert like(system, "a-1") == like(system, "a-1")
        assert counts(system, "a-1")
        assert system.stop() == ExitCode.OK


def test_a_full_disk_of_the_gallery_stops_no_intake(tmp_path: Path) -> None:
    """The gallery's server cannot write and ends: one reader is told to come back, the others are answered.

    Events are taken meanwhile.
    """
    folder = tmp_path / "data"
    with up(folder) as system:
        assert system.send("/v1/videos", [VIDEO]).ok
        fill_disk(system, folder, "gallery")
        refused = system.read("/v1/videos/v-1/likes")
        assert refused.status_code == HTTPStatus.SERVICE_UNAVAILABLE
        assert refused.json()["type"].endswith(":unavailable")
        all_gone({system.welcome["pids"]["redis-gallery"]})
        assert counts(system, "a-1")
        eventually(partial(is_read_only, folder, "gallery"), "a start on the full disk")
        eventually(lambda: system.read("/v1/videos/v-1/likes").ok, "readers being answered")
        assert counts(system, "a-2")
        limit_files(system.process.pid, resource.RLIM_INFINITY)
        eventually(lambda: system.send("/v1/videos", [{**VIDEO, "video_id": "v-2"}]).ok, "a registration", 60)
        assert system.read("/v1/videos/v-2/likes").ok
        assert system.stop() == ExitCode.OK


def test_a_lost_guard_needs_an_answer(tmp_path: Path) -> None:
    """Without it nothing starts; with it the system is as before, and the answer is not given twice."""
    folder, guard = tmp_path / "data", tmp_path / "data.rollback-guard"
    with up(folder) as system:
        keys = system.welcome["keys"]
        assert system.send("/v1/videos", [VIDEO]).ok
        assert counts(system, "a-1")
        assert system.stop() == ExitCode.OK
    kept = {path.name for path in guard.iterdir()}
    shutil.rmtree(guard)
    refused = likewise("up", "--data-folder", folder, *port_options())
    assert refused.returncode == ExitCode.STORE_ERROR
    assert "--restored no" in refused.stderr
    assert not guard.exists()
    with up(folder, "--restored", "no") as system:
        system.welcome["keys"] = keys
        assert {path.name for path in guard.iterdir()} == kept
        assert like(system, "a-1") == like(system, "a-1")
        assert counts(system, "a-2")
        assert "Releases continue. Leave --restored out" in folder.with_name("data.errors").read_text()
        assert "is on the same disk as the data" in folder.with_name("data.errors").read_text()
        assert system.stop() == ExitCode.OK
    refused = likewise("up", "--data-folder", folder, "--restored", "no", *port_options())
    assert refused.returncode == ExitCode.STORE_ERROR
    assert "leave the option out" in refused.stderr


def test_an_empty_disk_under_keys_is_not_founded(tmp_path: Path) -> None:
    """The data of both rooms is gone, keys and guard are there: nothing is made, and the way on is said."""
    folder = tmp_path / "data"
    with EmbeddedRooms(folder) as rooms:
        assert prepare_store(rooms.settings, folder).is_new
    for place in (folder, folder / "gallery"):
        shutil.rmtree(place / FILES_FOLDER)
    keys = [(folder / name).read_text() for name in ("pseudonym.key", "ledger.key")]
    refused = likewise("up", "--data-folder", folder, *port_options())
    assert refused.returncode == ExitCode.STORE_ERROR
    assert "the store is empty, but there is what belongs to a store that was set up" in refused.stderr
    assert keys == [(folder / name).read_text() for name in ("pseudonym.key", "ledger.key")]


def test_a_folder_in_the_place_of_a_file_is_named(tmp_path: Path) -> None:
    """With the exit code of every store that cannot be started, and its sentence."""
    folder = tmp_path / "data"
    with EmbeddedRooms(folder):
        pass
    path = folder / FILES_FOLDER / CLOSED_AT
    path.unlink()
    path.mkdir()
    refused = likewise("up", "--data-folder", folder, *port_options())
    assert refused.returncode == ExitCode.STORE_ERROR
    assert refused.stderr.startswith(f"likewise: {path} is no regular file: move it away")


def test_a_server_that_is_killed_again_and_again_comes_back(tmp_path: Path) -> None:
    """It is killed as soon as it is started, while it loads or before: the system goes on."""
    folder = tmp_path / "data"
    with up(folder) as system:
        assert system.send("/v1/videos", [VIDEO]).ok
        pids: set[int] = set()
        for _ in range(3):
            eventually(lambda: servers(folder) - pids, "a new server")
            for pid in servers(folder) - pids:
                os.kill(pid, signal.SIGKILL)
                pids.add(pid)
        eventually(lambda: counts(system, "a-1"), "events being taken again", 60)
        assert system.stop() == ExitCode.OK


def servers(folder: Path) -> set[int]:
    """Process ids of the private room's server, or of the program that becomes it."""
    found = set()
    for place in Path("/proc").glob("[0-9]*"):
        try:
            works_there = (place / "cwd").resolve() == folder and b"redis-server" in (
                place / "cmdline"
            ).read_bytes()
        except OSError:
            continue
        if works_there:
            found.add(int(place.name))
    return found
