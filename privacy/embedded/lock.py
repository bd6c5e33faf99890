"""Locks a data folder: one server per folder, for as long as any process works in it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from privacy.errors import StoreError
from privacy.store.file_change import acquire_flock


@contextmanager
def locked(folder: Path, patience_seconds: float) -> Iterator[int]:
    """Holds the lock of a folder; gives the descriptor that holds it.

    `flock(2)` belongs to the open file, not to the process: a child that inherits the descriptor keeps the
    folder locked even after its parent was killed, so two servers never write the same files.

    Args:
        folder: an existing folder.
        patience_seconds: how long to wait for a server that is just ending there.

    Raises:
        StoreError: the folder is in use, or cannot be written.
    """
    try:
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StoreError(
            f"cannot write to the data folder {folder}: its file `lock`: {error.strerror}"
        ) from error
    try:
        if not acquire_flock(descriptor, patience_seconds):
            raise StoreError(f"the data folder {folder} is in use by another Likewise")
        yield descriptor
    finally:
        os.close(descriptor)


def require_closed(files: Path) -> None:
    """Makes sure that no process has a file of a folder open, as far as this user may see that.

    A server of one's own takes no lock, but keeps the file open to which it appends. Files are compared by
    device and inode, since a server in a container sees them under other names.

    Args:
        files: the folder; it need not exist.

    Raises:
        StoreError: a process has.
    """
    wanted = {_identity(path): path for path in _list(files)}
    for process in (path for path in _list(Path("/proc")) if path.name.isdecimal()):
        for opened in _list(process / "fd"):
            with suppress(OSError):  # it was closed meanwhile
                if found := wanted.get(_identity(opened)):
                    raise StoreError(f"the process {process.name} has {found} open: end that server first")


def _list(folder: Path) -> list[Path]:
    """Lists a folder; one that is not there, or is not shown to this user, has nothing."""
    with suppress(OSError):
        return list(folder.iterdir())
    return []


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino
