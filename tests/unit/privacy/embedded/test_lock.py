"""The lock of a data folder."""

import subprocess
import sys
from pathlib import Path

import pytest

from privacy.embedded.lock import locked
from privacy.errors import StoreError


def test_a_second_holder_is_refused_until_the_first_lets_go(tmp_path: Path) -> None:
    """Two holders at once are impossible, and one after the other is fine."""
    with locked(tmp_path, 0), pytest.raises(StoreError, match="in use"), locked(tmp_path, 0.05):
        pass
    with locked(tmp_path, 0):
        pass


def test_a_child_that_inherited_the_lock_keeps_it(tmp_path: Path) -> None:
    """The folder stays locked while a server works in it, even when the one who started it has let go."""
    with locked(tmp_path, 0) as descriptor:
        child = subprocess.Popen(
            [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=(descriptor,)
        )
    try:
        with pytest.raises(StoreError, match="in use"), locked(tmp_path, 0):
            pass
    finally:
        child.communicate(b"\n")
    with locked(tmp_path, 0):
        pass


def test_a_folder_that_cannot_be_written_is_a_readable_error(tmp_path: Path) -> None:
    """The message names the folder and the reason."""
    (tmp_path / "lock").mkdir()
    with pytest.raises(StoreError, match="cannot write to the data folder"), locked(tmp_path, 0):
        pass
