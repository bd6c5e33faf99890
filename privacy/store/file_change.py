"""Changes files of secrets: one writer at a time, and only a file that still is what was read."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

from privacy.errors import StoreBusyError, StoreError
from privacy.store.credentials import remove_drafts, resolve_links, write_private

LOCK_PATIENCE_SECONDS: Final = 5.0
"""A change takes some ms, so a lock that is held for longer is that of a process that hangs."""
_PAUSE_SECONDS: Final = 0.02

Content = TypeVar("Content")


def change_private(
    path: Path,
    read: Callable[[Path], Content],
    change: Callable[[Content], Content],
    format_content: Callable[[Content], str],
) -> Content:
    """Changes a file of secrets, under the lock of the folder that it is in.

    So no writer decides by a content that another one has replaced: a key that is overwritten is lost.

    Args:
        path: of the file, or of a symbolic link to it.
        read: reads it.
        change: returns the new content for the one that was read; the same one to leave the file as it is.
        format_content: returns the text of a content.

    Returns:
        The content of the file on return.

    Raises:
        StoreBusyError: another process changes the file, or has changed it without the lock. Nothing was
            written.
        StoreError: as `read`, or the folder does not allow it.
    """
    read(path)  # its message says what is wrong with a missing file; that of the lock would not
    target = resolve_links(path)
    with hold_folder(target.parent):
        remove_drafts(target)
        known = read(path)
        changed = change(known)
        if changed != known:
            if read(path) != known:
                raise StoreBusyError(
                    f"{path} was changed by another process just now: nothing was written; do it again"
                )
            write_private(path, format_content(changed))
        return changed


@contextmanager
def hold_folder(folder: Path) -> Iterator[None]:
    """Holds the `flock(2)` of a folder, for a change of a file in it.

    Raises:
        StoreBusyError: another process holds it.
        StoreError: the file system does not allow it.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise StoreError(f"cannot lock the folder {folder}: {error.strerror}") from error
    try:
        if not acquire_flock(descriptor, LOCK_PATIENCE_SECONDS):
            raise StoreBusyError(
                f"another process is changing a file in {folder}: nothing was written; wait until it has "
                "ended, or end it, and do it again"
            )
        yield
    finally:
        os.close(descriptor)


def acquire_flock(descriptor: int, patience_seconds: float) -> bool:
    """Takes an exclusive `flock(2)`, which lasts until the descriptor is closed.

    Returns:
        Whether it was free before the patience ended.

    Raises:
        StoreError: the file system has no such locks.
    """
    deadline = time.monotonic() + patience_seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(_PAUSE_SECONDS)  # flock(2) itself waits forever or not at all
        except OSError as error:
            raise StoreError(f"the file system has no locks: {error.strerror}") from error
        else:
            return True
