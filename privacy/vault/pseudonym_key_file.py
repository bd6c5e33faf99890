"""Reads and writes the pseudonym key file: never in Redis, never logged, readable by its owner only.

The file names the store that its keys are of, once that is set up: keys that work with no store, or with
another one, are then recognised.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from privacy.errors import ConflictError
from privacy.store.header import StoreHeader
from privacy.store.key_file import KeyFile, KeyFileKind
from privacy.vault.pseudonym import KEY_BYTES, Pseudonymiser


class _PseudonymKeyFile(KeyFile, frozen=True):
    """The content of the file: keys in hexadecimal, and the id of their store."""

    inner: str
    outer: str
    previous_outer: str | None = None
    generation: int = 0

    def keys(self) -> Pseudonymiser:
        """The keys; ValueError or StoreError if they are none."""
        previous = None if self.previous_outer is None else bytes.fromhex(self.previous_outer)
        return Pseudonymiser(bytes.fromhex(self.inner), bytes.fromhex(self.outer), previous, self.generation)


FILES: Final = KeyFileKind(
    _PseudonymKeyFile,
    _PseudonymKeyFile.keys,
    "pseudonym key file",
    f"holds no keys, or is damaged; JSON with keys of {KEY_BYTES} bytes in hexadecimal",
)


def load_pseudonymiser(path: Path) -> Pseudonymiser:
    """Reads the keys, of whatever store.

    Raises:
        StoreError: the file is missing, readable by others, or holds no keys; the message repeats none.
    """
    return FILES.read(path).keys()


def load_store_keys(path: Path, header: StoreHeader, *, is_set_up: bool = True) -> Pseudonymiser:
    """Reads the keys of a store.

    Args:
        path: of the file.
        header: of the store.
        is_set_up: whether the store must have been set up to its end; only its setup itself asks for less.

    Raises:
        StoreError: as `load_pseudonymiser`, or they are those of another store.
    """
    file = FILES.read(path)
    keys = file.keys()
    known = header.keys is not None and header.keys.pseudonym_key == keys.fingerprint
    header.require_key(path, file.store, is_known=known, is_set_up=is_set_up)
    return keys


def create_key_file(path: Path, entropy: Callable[[int], bytes]) -> None:
    """Creates a key file unless there is one already, and checks the one that is there then.

    Raises:
        StoreError: the folder does not allow it, or the file is readable by others or holds no keys.
    """
    FILES.create(path, lambda: _PseudonymKeyFile(entropy(KEY_BYTES).hex(), entropy(KEY_BYTES).hex()))


def begin_rotation(path: Path, entropy: Callable[[int], bytes]) -> Pseudonymiser:
    """Puts a new outer key in force and keeps the previous one next to it, until `end_rotation`.

    While a rotation is under way, this continues it.

    Raises:
        StoreBusyError: another process changes the file. Do it again.
        StoreError: the file cannot be read or written.
    """

    def begin(known: _PseudonymKeyFile) -> _PseudonymKeyFile:
        if known.previous_outer is not None:
            return known
        return msgspec.structs.replace(
            known,
            outer=entropy(KEY_BYTES).hex(),
            previous_outer=known.outer,
            generation=known.generation + 1,
        )

    return FILES.change(path, begin).keys()


def end_rotation(path: Path, keys: Pseudonymiser) -> None:
    """Destroys the previous outer key. Call it once nothing is stored under it any more.

    Args:
        path: of the file.
        keys: those that `begin_rotation` returned, and under which every account is stored now. The previous
            key of any other rotation may still be needed.

    Raises:
        ConflictError: that rotation is not under way any more.
        StoreBusyError: another process changes the file. Do it again.
        StoreError: the file cannot be read or written.
    """

    def end(known: _PseudonymKeyFile) -> _PseudonymKeyFile:
        if known.previous_outer is None:
            raise ConflictError(
                f"no rotation of the pseudonym key is under way: another process has ended the one to "
                f"generation {keys.generation}, and nothing is left to do"
            )
        if known.keys() != keys:
            raise ConflictError(
                f"the rotation of the pseudonym key to generation {keys.generation} was ended by another "
                f"process, and the one to generation {known.generation} is under way: it keeps its previous "
                "key"
            )
        return msgspec.structs.replace(known, previous_outer=None)

    FILES.change(path, end)
