"""The folder of rollback protection: files outside the store that record what the store must not forget."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from privacy.errors import StoreError
from privacy.store.credentials import write_private

FOLDER_VARIABLE: Final = "LIKEWISE_NEVER_RESTORE_FOLDER"


def never_restore_folder(environment: Mapping[str, str], beside: Path) -> Path:
    """Return the folder that the environment names, by default a sibling of the folder of the keys.

    A sibling and not a subfolder: restoring a copy of the folder of the keys, taken together with the data,
    then does not restore this folder.
    """
    if given := environment.get(FOLDER_VARIABLE):
        return Path(given)
    folder = beside.absolute()
    return folder.with_name(f"{folder.name}.never-restore")


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
            f"{folder}: {error.strerror}; put it back, or set {FOLDER_VARIABLE} to it"
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
