"""Copies the data of an embedded Redis, and puts a copy back, as an operator does."""

import shutil
from pathlib import Path

from privacy.embedded.server import EmbeddedRedis

_DATA = "appendonlydir"


def back_up(server: EmbeddedRedis, backup: Path) -> Path:
    """Copy the data, as it is on disk, to a folder that is not there yet; that folder."""
    shutil.copytree(server.folder / _DATA, backup)
    return backup


def put_back(server: EmbeddedRedis, backup: Path) -> None:
    """Stop the server, put a copy in place of its data, and start it again."""
    server.stop()
    shutil.rmtree(server.folder / _DATA)
    shutil.copytree(backup, server.folder / _DATA)
    server.start()
