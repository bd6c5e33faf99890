"""The secret files of a deployment with Redis servers of its own."""

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from api.runtime.secret_files import write_secret_files
from privacy.errors import StoreError


def _slow_entropy(count: int) -> bytes:
    time.sleep(0.001)
    return os.urandom(count)


def test_concurrent_runs_agree_on_the_passwords(tmp_path: Path) -> None:
    """Runs on one folder wait for each other: every environment file has the passwords that are kept."""
    folder = tmp_path / "secrets"
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: write_secret_files(folder, _slow_entropy), range(4)))
    kept = json.loads((folder / "passwords.json").read_text())
    text = "".join(file.read_text() for file in folder.glob("*.env"))
    assert {line.partition("=")[2] for line in text.split()} == set(kept.values())
    assert not list(folder.glob("*.draft"))


def test_passwords_that_were_written_are_never_replaced(tmp_path: Path) -> None:
    """All runs, concurrent or not, give the same password to a user."""
    with ThreadPoolExecutor(4) as threads:
        contents = list(
            threads.map(
                lambda _: (write_secret_files(tmp_path, _slow_entropy)[0]).read_text(),
                range(4),
            )
        )
    assert len(set(contents)) == 1


def test_a_file_in_the_place_of_the_folder_is_an_error(tmp_path: Path) -> None:
    """The message names it."""
    (tmp_path / "secrets").touch()
    with pytest.raises(StoreError, match="cannot make the folder"):
        write_secret_files(tmp_path / "secrets", os.urandom)
