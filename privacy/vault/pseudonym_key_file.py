"""Reads and writes the pseudonym key file: never in Redis, never logged, readable by its owner only."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec

from privacy.errors import ConflictError
from privacy.store.credentials import create_private, read_private, write_private
from privacy.vault.pseudonym import KEY_BYTES, Pseudonymiser


class _KeyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The content of the file: keys in hexadecimal."""

    inner: str
    outer: str
    previous_outer: str | None = None
    generation: int = 0


def load_pseudonymiser(path: Path) -> Pseudonymiser:
    """Reads the keys.

    Raises:
        StoreError: the file is missing, readable by others, or holds no keys; the message repeats none.
    """
    rule = f"holds no keys; JSON with keys of {KEY_BYTES} bytes in hexadecimal"
    return read_private(path, "pseudonym key file", _parse, rule)


def _parse(content: bytes) -> Pseudonymiser:
    file = msgspec.json.decode(content, type=_KeyFile)
    previous = None if file.previous_outer is None else bytes.fromhex(file.previous_outer)
    return Pseudonymiser(bytes.fromhex(file.inner), bytes.fromhex(file.outer), previous, file.generation)


def create_key_file(path: Path, entropy: Callable[[int], bytes]) -> None:
    """Creates a key file unless there is one already, and checks the one that is there then.

    Raises:
        StoreError: the folder does not allow it, or the file is readable by others or holds no keys.
    """
    if not path.exists():
        create_private(path, _format(Pseudonymiser(entropy(KEY_BYTES), entropy(KEY_BYTES))))
    load_pseudonymiser(path)


def begin_rotation(path: Path, entropy: Callable[[int], bytes]) -> Pseudonymiser:
    """Puts a new outer key in force and keeps the previous one next to it, until `end_rotation`.

    While a rotation is under way, this continues it.

    Raises:
        StoreError: the file cannot be read or written.
    """
    known = load_pseudonymiser(path)
    if known.previous_outer_key is not None:
        return known
    rotated = Pseudonymiser(known.inner_key, entropy(KEY_BYTES), known.outer_key, known.generation + 1)
    write_private(path, _format(rotated))
    return rotated


def end_rotation(path: Path) -> None:
    """Destroys the previous outer key. Call it once nothing is stored under it any more.

    Raises:
        ConflictError: no rotation is under way.
        StoreError: the file cannot be read or written.
    """
    known = load_pseudonymiser(path)
    if known.previous_outer_key is None:
        raise ConflictError("no rotation of the pseudonym key is under way")
    write_private(path, _format(replace(known, previous_outer_key=None)))


def _format(keys: Pseudonymiser) -> str:
    previous = None if keys.previous_outer_key is None else keys.previous_outer_key.hex()
    file = _KeyFile(keys.inner_key.hex(), keys.outer_key.hex(), previous, keys.generation)
    return msgspec.json.encode(file).decode() + os.linesep
