"""A data folder with something else in the place of a file: no server starts, and the file is named."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from privacy.embedded.append_log import AppendLog
from privacy.embedded.config import ACL_FILE, CONF_FILE, CREDENTIALS_FILE, LOG_FILE
from privacy.embedded.log_files import CLOSED_AT, FILES_FOLDER, LAST_CUT, MANIFEST
from privacy.embedded.server import EmbeddedRedis, redis_server_program
from privacy.embedded.usable_file import naming_faults
from privacy.errors import StoreError

LOG_NOTES = (f"{FILES_FOLDER}/{CLOSED_AT}", f"{FILES_FOLDER}/{MANIFEST}")
WRITTEN = (ACL_FILE, CONF_FILE, LOG_FILE, f"{LOG_FILE}.1", LAST_CUT)
"""They are written at the start, or later, also behind a link."""
KINDS: dict[str, Callable[[Path], object]] = {
    "folder": Path.mkdir,
    "pipe": os.mkfifo,
    "link to nowhere": lambda path: path.symlink_to("nowhere"),
}


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a server that ended on request."""
    folder = tmp_path_factory.mktemp("closed") / "data"
    with EmbeddedRedis(folder):
        pass
    return folder


def put_in_the_way(closed: Path, folder: Path, name: str, make: Callable[[Path], object]) -> Path:
    """Copy the folder, with something else in the place of a file; returns its path."""
    shutil.copytree(closed, folder, ignore=shutil.ignore_patterns("*.sock"))
    path = folder / name
    path.unlink(missing_ok=True)
    make(path)
    return path


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *((name, kind) for name in LOG_NOTES for kind in KINDS),
        *((name, kind) for name in WRITTEN for kind in ("folder", "pipe")),
    ],
)
def test_no_server_starts(closed: Path, tmp_path: Path, name: str, kind: str) -> None:
    """The sentence names it, and it stays as it is."""
    folder = tmp_path / "data"
    path = put_in_the_way(closed, folder, name, KINDS[kind])
    before = path.lstat().st_mode
    server = EmbeddedRedis(folder)
    with pytest.raises(StoreError) as caught:
        server.launch()
    assert str(caught.value).startswith(f"{path} is ")
    assert path.lstat().st_mode == before


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", LOG_NOTES)
def test_a_check_names_it(closed: Path, tmp_path: Path, name: str, kind: str) -> None:
    """It waits for no writer of a pipe."""
    folder = tmp_path / "data"
    path = put_in_the_way(closed, folder, name, KINDS[kind])
    with pytest.raises(StoreError) as caught, naming_faults(folder):
        AppendLog(folder).count_torn_bytes(redis_server_program, fix=False)
    assert str(caught.value).startswith(f"{path} is ")


@pytest.mark.parametrize("name", [CREDENTIALS_FILE, "lock", "appendonlydir", "redis.sock"])
def test_a_folder_or_a_file_in_the_way_of_others_is_named(closed: Path, tmp_path: Path, name: str) -> None:
    """Their own checks, or the server's, say it."""
    folder = tmp_path / "data"
    shutil.copytree(closed, folder, ignore=shutil.ignore_patterns("*.sock"))
    path = folder / name
    if path.is_dir():
        shutil.rmtree(path)
        path.write_text("")
    else:
        path.unlink(missing_ok=True)
        path.mkdir()
    server = EmbeddedRedis(folder, patience_seconds=20)
    with pytest.raises(StoreError, match=f"{name}|Unix socket"):
        server.start()
