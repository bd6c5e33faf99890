"""Reads and writes the pseudonym key file: never in Redis, never logged, readable by its owner only.

The file names the store that its keys are of, once that is set up: keys that work with no store, or with
another one, are then recognised.
"""

import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from privacy.errors import ConflictError
from privacy.store.credentials import create_private, read_private, write_private
from privacy.store.header import StoreHeader
from privacy.vault.pseudonym import KEY_BYTES, Pseudonymiser


class _KeyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The content of the file: keys in hexadecimal, and the id of their store."""

    inner: str
    outer: str
    previous_outer: str | None = None
    generation: int = 0
    store: str | None = None

    def keys(self) -> Pseudonymiser:
        """The keys; ValueError or StoreError if they are none."""
        previous = None if self.previous_outer is None else bytes.fromhex(self.previous_outer)
        return Pseudonymiser(bytes.fromhex(self.inner), bytes.fromhex(self.outer), previous, self.generation)


def load_pseudonymiser(path: Path) -> Pseudonymiser:
    """Reads the keys, of whatever store.

    Raises:
        StoreError: the file is missing, readable by others, or holds no keys; the message repeats none.
    """
    return _read(path).keys()


def load_store_keys(path: Path, header: StoreHeader, *, is_set_up: bool = True) -> Pseudonymiser:
    """Reads the keys of a store.

    Args:
        path: of the file.
        header: of the store.
        is_set_up: whether the store must have been set up to its end; only its setup itself asks for less.

    Raises:
        StoreError: as `load_pseudonymiser`, or they are those of another store.
    """
    file = _read(path)
    keys = file.keys()
    known = header.keys is not None and header.keys.pseudonym_key == keys.fingerprint
    header.require_key(path, file.store, is_known=known, is_set_up=is_set_up)
    return keys


def read_named_store(path: Path) -> str | None:
    """Returns the id of the store that the key file names; None if it names none.

    Raises:
        StoreError: as `load_pseudonymiser`.
    """
    return _read(path).store


def name_store(path: Path, store_id: str) -> None:
    """Writes the id of the keys' store into their file, as the last step of setting that store up.

    Raises:
        StoreError: as `load_pseudonymiser`, or the file cannot be written.
    """
    _write(path, msgspec.structs.replace(_read(path), store=store_id))


def create_key_file(path: Path, entropy: Callable[[int], bytes]) -> None:
    """Creates a key file unless there is one already, and checks the one that is there then.

    Raises:
        StoreError: the folder does not allow it, or the file is readable by others or holds no keys.
    """
    if not path.exists():
        create_private(path, _format(_KeyFile(entropy(KEY_BYTES).hex(), entropy(KEY_BYTES).hex())))
    load_pseudonymiser(path)


def begin_rotation(path: Path, entropy: Callable[[int], bytes]) -> Pseudonymiser:
    """Puts a new outer key in force and keeps the previous one next to it, until `end_rotation`.

    While a rotation is under way, this continues it.

    Raises:
        StoreError: the file cannot be read or written.
    """
    known = _read(path)
    if known.previous_outer is not None:
        return known.keys()
    rotated = msgspec.structs.replace(
        known,
        outer=entropy(KEY_BYTES).hex(),
        previous_outer=known.outer,
        generation=known.generation + 1,
    )
    _write(path, rotated)
    return rotated.keys()


def end_rotation(path: Path) -> None:
    """Destroys the previous outer key. Call it once nothing is stored under it any more.

    Raises:
        ConflictError: no rotation is under way.
        StoreError: the file cannot be read or written.
    """
    known = _read(path)
    if known.previous_outer is None:
        raise ConflictError("no rotation of the pseudonym key is under way")
    _write(path, msgspec.structs.replace(known, previous_outer=None))


def _read(path: Path) -> _KeyFile:
    rule = f"holds no keys; JSON with keys of {KEY_BYTES} bytes in hexadecimal"
    return read_private(path, "pseudonym key file", _parse, rule)


def _parse(content: bytes) -> _KeyFile:
    file = msgspec.json.decode(content, type=_KeyFile)
    file.keys()
    return file


def _write(path: Path, file: _KeyFile) -> None:
    write_private(path, _format(file))


def _format(file: _KeyFile) -> str:
    return msgspec.json.encode(file).decode() + os.linesep
