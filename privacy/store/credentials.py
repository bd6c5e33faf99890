"""The passwords of the Redis users, kept in one file beside the data."""

import json
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path
from tempfile import mkstemp
from typing import Final, TypeVar

from privacy.errors import LikewiseError, StoreError, UnwritableError

Secrets = TypeVar("Secrets")

_PASSWORD_BYTES: Final = 32  # guessing is hopeless, so Redis may keep a plain SHA-256 of it
_DRAFT: Final = ".draft"
_PASSWORD: Final = re.compile("[0-9a-f]{32,}")


def load_or_create_credentials(
    path: Path, names: Iterable[str], entropy: Callable[[int], bytes]
) -> dict[str, str]:
    """Returns one password a name, from the file at `path`; make those that it lacks and keep them there.

    The file is a JSON object of name to password that only its owner may read. The caller holds a lock on its
    folder.

    Args:
        path: the file; its folder exists.
        names: the users that need a password.
        entropy: gives that many random bytes; outside tests the operating system's.

    Raises:
        StoreError: the file cannot be read or written, is damaged, or others may read it.
    """
    known = _read(path) if path.exists() else {}
    missing = {name: entropy(_PASSWORD_BYTES).hex() for name in names if name not in known}
    if missing:
        write_private(path, json.dumps(known | missing, indent=1))
    return known | missing


def write_private(path: Path, text: str) -> None:
    """Replaces a file in one step by one that only its owner may read or write; on disk on return.

    A symbolic link stays, and the file that it leads to is replaced: else the old secret would stay there.

    Raises:
        StoreError: the folder does not allow it, or there is a device, which is not replaced.
    """
    target = resolve_links(path)
    _refuse_special(target)
    with _draft(target, text) as draft:
        draft.replace(target)


def keep_or_write_private(path: Path, text: str) -> None:
    """Keeps a private file that has this content, and replaces any other.

    So a full disk is no fault while there is nothing to write.

    Raises:
        StoreError: the folder does not allow it.
    """
    with suppress(OSError):
        if private_file_fault(path) is None and path.read_bytes() == text.encode():
            return
    write_private(path, text)


def create_private(path: Path, text: str) -> None:
    """Creates a file that only its owner may read or write; one that exists already stays as it is.

    Either is on disk on return. Symbolic links are followed.

    Raises:
        StoreError: the folder does not allow it.
    """
    target = resolve_links(path)
    with _draft(target, text) as draft, suppress(FileExistsError):
        os.link(draft, target)


def resolve_links(path: Path) -> Path:
    """Returns where the symbolic links of a path lead to, which need not exist.

    Raises:
        StoreError: they lead in a circle.
    """
    try:
        resolved = path.resolve()
    except (OSError, RuntimeError):  # RuntimeError is what pathlib makes of a circle, before Python 3.13
        resolved = path
    if resolved.is_symlink():
        raise StoreError(f"cannot write {path}: its symbolic links lead to no file")
    return resolved


def _refuse_special(path: Path) -> None:
    try:
        is_special = not stat.S_ISREG(path.lstat().st_mode)
    except FileNotFoundError:
        return
    except OSError as error:
        raise UnwritableError(f"cannot write {path}: {error.strerror}") from error
    if is_special:
        raise StoreError(f"cannot write {path}: it is no regular file; name a file, or a new one")


def remove_drafts(path: Path) -> None:
    """Removes what writers of a file have left that were killed: a secret in it would outlive the file's.

    The caller holds a lock that keeps other writers of the file out.

    Raises:
        StoreError: the folder does not allow it.
    """
    try:
        for draft in path.parent.glob(f"{escape(path.name)}.*{_DRAFT}"):
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise UnwritableError(f"cannot remove drafts of {path}: {error.strerror}") from error


@contextmanager
def _draft(path: Path, text: str) -> Iterator[Path]:
    """Writes a text durably into a new file next to `path`, for the block to put in place.

    Afterwards the folder is synced: a file whose name is lost in a power cut is lost, and so is a key in it.
    """
    try:
        descriptor, name = mkstemp(dir=path.parent, prefix=f"{path.name}.", suffix=_DRAFT)
        draft = Path(name)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            yield draft
        finally:
            draft.unlink(missing_ok=True)
        sync_folder(path.parent)
    except OSError as error:
        raise UnwritableError(f"cannot write {path}: {error.strerror}") from error


def sync_folder(folder: Path) -> None:
    """Writes the names in a folder to the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def private_file_fault(path: Path) -> str | None:
    """Says why a file of secrets is not safe (absent, no regular file, open to others); None if it is."""
    if not path.is_file():
        fault = "is no regular file" if path.exists() else "is not there"
        return f"{path} {fault}: put it back, or correct the setting that names it"
    if path.stat().st_mode & 0o077:
        return f"{path} can be read by others; run `chmod 600` on it"
    return None


def read_private(path: Path, what: str, read: Callable[[bytes], Secrets], rule: str) -> Secrets:
    """Returns the content of a file of secrets.

    Args:
        path: the file.
        what: name of the kind of file, for the message.
        read: parses the content.
        rule: what a valid file holds, for the message.

    Raises:
        StoreError: the file is missing, readable by others, or breaks the rule; the message repeats nothing.
    """
    if fault := private_file_fault(path):
        raise StoreError(f"{what}: {fault}")
    try:
        return read(path.read_bytes())
    except OSError as error:
        raise StoreError(f"{what} {path}: cannot be read ({error.strerror})") from error
    except (ValueError, LikewiseError):  # their text may repeat a part of a secret; msgspec's are ValueErrors
        raise StoreError(f"{what} {path}: {rule}") from None


def _read(path: Path) -> dict[str, str]:
    if fault := private_file_fault(path):
        raise StoreError(fault)
    try:
        return parse_credentials(path, path.read_bytes())
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from error


def parse_credentials(path: Path, text: bytes) -> dict[str, str]:
    """Parses the passwords of a file.

    Args:
        path: the file, for messages.
        text: its content.

    Raises:
        StoreError: it is no JSON object, or a password breaks the rule; the message repeats no password.
    """
    try:
        content = json.loads(text)
    except ValueError:  # the text of a JSON error would repeat a part of the file
        content = None
    if not isinstance(content, dict):
        raise StoreError(f"{path} is damaged: it must be a JSON object of user name to password")
    for name, password in content.items():
        if not (isinstance(password, str) and _PASSWORD.fullmatch(password)):
            raise StoreError(
                f"{path} is damaged: the password of the user {name!a} must be a text of at least 32 "
                "lower-case hexadecimal digits"
            )
    return content
