"""Makes sure that a file of a data folder can be used, before a server is started on it.

A folder, a pipe or a link to nowhere in the place of a file is told to the operator, and nothing is changed.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from privacy.errors import StoreError


def require_usable_file(path: Path, *, may_be_made: bool = False) -> None:
    """Makes sure that a file is one, and can be read, or is not there yet. Links to files are files.

    Args:
        path: the file.
        may_be_made: whether it is written where it is not there, also behind a link.

    Raises:
        StoreError: it is something else, or cannot be read.
    """
    try:
        # Without waiting for a writer, where it is a pipe.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        if path.is_symlink() and not may_be_made:
            raise _unusable(path, "is a link to a file that is not there") from None
        return
    except OSError as error:
        raise _unusable(path, f"cannot be read ({error.strerror})") from error
    try:
        is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
    finally:
        os.close(descriptor)
    if not is_file:
        raise _unusable(path, "is no regular file")


@contextmanager
def naming_faults(folder: Path) -> Iterator[None]:
    """Turns what the operating system refuses inside into an error that names the file.

    Raises:
        StoreError: it refused something.
    """
    try:
        yield
    except OSError as error:
        name = error.filename if isinstance(error.filename, str) else folder
        raise StoreError(f"cannot use {name}: {error.strerror or type(error).__name__}") from error


def _unusable(path: Path, fault: str) -> StoreError:
    return StoreError(f"{path} {fault}: move it away, and put the file back if it had been one before")
