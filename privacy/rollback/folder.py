"""The rollback guard: a folder outside the store with the records that no restore may take back."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from privacy.errors import StoreError
from privacy.store.credentials import write_private
from privacy.store.settings import ROLLBACK_GUARD_DIR


def create_folder(folder: Path) -> None:
    """Create the folder unless it exists.

    Raises:
        StoreError: the file system does not allow it.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"cannot create the folder {folder}: {error.strerror}") from error


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Hold the folder's lock, a `flock(2)`; every writer needs it.

    Raises:
        StoreError: the folder does not exist.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise StoreError(
            f"{folder}: {error.strerror}; put it back, or set {ROLLBACK_GUARD_DIR.name} to it"
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def replace_durably(path: Path, text: str) -> None:
    """Replace one of the folder's files, with the lock held. It is on disk when this returns.

    Raises:
        StoreError: the folder does not allow it.
    """
    write_private(path, text)
    # Later appends go to the new file: its name must be as durable as its content.
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
