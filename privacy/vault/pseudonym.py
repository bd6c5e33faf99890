"""From an account id to its pseudonym: the last place where the id is known."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from typing import TYPE_CHECKING

from privacy.errors import StoreError

if TYPE_CHECKING:
    from pathlib import Path

PSEUDONYM_BYTES = 16
KEY_BYTES = 32


@dataclass(frozen=True)
class Pseudonymiser:
    """Keyed BLAKE2b (RFC 7693): without the key nobody can go from an account id to its registers.

    Args:
        key: 32 random bytes, from a file that only the platform plane can read; never in Redis, never logged.
    """

    key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.key) != KEY_BYTES:
            raise StoreError(f"pseudonym key: has {len(self.key)} bytes; exactly {KEY_BYTES}")

    def __call__(self, account_id: str) -> bytes:
        """The pseudonym of an account, 16 bytes."""
        keyed = self._keyed.copy()
        keyed.update(account_id.encode())
        return keyed.digest()

    @cached_property
    def _keyed(self) -> blake2b:
        """The hash once it has taken the key in: a copy of it saves a third of the time."""
        return blake2b(key=self.key, digest_size=PSEUDONYM_BYTES)


def load_pseudonym_key(path: Path) -> bytes:
    """Read the key from a file that nobody but its owner may read.

    Raises:
        StoreError: the file is missing, readable by others, or not a key.
    """
    try:
        mode = path.stat().st_mode & 0o777
        text = path.read_bytes()
    except OSError as error:
        raise StoreError(f"pseudonym key file {path}: cannot be read ({error.strerror})") from error
    if mode & 0o077:
        raise StoreError(
            f"pseudonym key file {path}: has rights {mode:o}; 600, so that only its owner can read it"
        )
    try:
        return bytes.fromhex(text.decode())
    except ValueError as error:
        raise StoreError(
            f"pseudonym key file {path}: is not hexadecimal; {KEY_BYTES} bytes in hex"
        ) from error


def create_pseudonym_key(path: Path) -> None:
    """Make a new key file unless there is one already."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(descriptor, "w") as file:
        file.write(os.urandom(KEY_BYTES).hex() + "\n")
        file.flush()
        os.fsync(file.fileno())
