"""The rollback guard: a folder outside the store with the records that no restore may take back."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from privacy.errors import StoreError
from privacy.store.settings import ROLLBACK_GUARD_DIR

REBUILD_ADVICE: Final = (
    f"put the newest rollback guard back, or set {ROLLBACK_GUARD_DIR.name} to its folder; if it is lost, "
    "start with `likewise up --restored no` (`likewise init --restored no`) if the store was not restored "
    "from a backup since it last ran, or with `--restored yes` if it was: then nothing is released from it "
    "any more"
)
"""What to do about a damaged or missing record, for messages."""


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
