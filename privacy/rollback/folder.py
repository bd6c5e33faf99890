"""The folder of what no restore may take back: files outside the store, that say what it must not forget."""

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
    """Where it is: the environment's, or one beside the folder of the keys.

    Beside, not inside: who copies the folder of the keys together with the data, and puts both back, does
    not put this back.
    """
    if given := environment.get(FOLDER_VARIABLE):
        return Path(given)
    folder = beside.absolute()
    return folder.with_name(f"{folder.name}.never-restore")


def make_folder(folder: Path) -> None:
    """Make it unless it is there.

    Raises:
        StoreError: that is not allowed.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"cannot make the folder {folder}: {error.strerror}") from error


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Hold its lock, a `flock(2)`; whoever writes there needs it.

    Raises:
        StoreError: it is not there.
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
    """Replace one of its files, with the lock held. It is on disk when this returns.

    Raises:
        StoreError: the folder does not allow it.
    """
    write_private(path, text)
    # What is appended from now on is in the new file: its name must be as durable as its content.
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
