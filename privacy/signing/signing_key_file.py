"""The file with the ledger's signing key: on the release side only, never in Redis, never logged.

The file names the store whose ledger the key signs, once that is set up: one key never signs two ledgers.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from privacy.signing.jwks import PublicKey
from privacy.signing.signing_key import SECRET_BYTES, SigningKey
from privacy.store.header import StoreHeader
from privacy.store.key_file import KeyFile, KeyFileKind


class _SigningKeyFile(KeyFile, frozen=True):
    """The private key in hexadecimal; former public ones as a JWK's `x`, newest first; their store."""

    private: str
    former: list[str]

    def key(self) -> SigningKey:
        """The key; ValueError or StoreError if it is none."""
        return SigningKey(bytes.fromhex(self.private), tuple(map(PublicKey, self.former)))


FILES: Final = KeyFileKind(
    _SigningKeyFile,
    _SigningKeyFile.key,
    "ledger key file",
    f"holds no key, or is damaged; must be JSON with `private`, {SECRET_BYTES} bytes in hexadecimal, and "
    "`former`, a list of public keys",
)


def load_signing_key(path: Path) -> SigningKey:
    """Reads the key, of whatever store.

    Raises:
        StoreError: the file is missing, readable by others, or holds no key; the message repeats none.
    """
    return FILES.read(path).key()


def load_store_signing_key(path: Path, header: StoreHeader, *, is_set_up: bool = True) -> SigningKey:
    """Reads the key that signs the ledger of a store.

    The key that was in force when the store was created is this one or one of the former ones.

    Args:
        path: of the file.
        header: of the store.
        is_set_up: whether the store must have been set up to its end; only its setup itself asks for less.

    Raises:
        StoreError: as `load_signing_key`, or it is the key of another store.
    """
    file = FILES.read(path)
    key = file.key()
    known = header.keys is not None and header.keys.ledger_key in key.public_keys.key_ids
    header.require_key(path, file.store, is_known=known, is_set_up=is_set_up)
    return key


def create_ledger_key(path: Path, entropy: Callable[[int], bytes]) -> None:
    """Creates a key file unless there is one already, and checks the one that is there then.

    Raises:
        StoreError: the folder does not allow it, or the file is readable by others or holds no key.
    """
    FILES.create(path, lambda: _SigningKeyFile(entropy(SECRET_BYTES).hex(), []))


def rotate_ledger_key(path: Path, entropy: Callable[[int], bytes]) -> SigningKey:
    """Puts a new key in force; of the previous one, only the public half is kept, so that signatures verify.

    Returns:
        The key that is in force now.

    Raises:
        StoreBusyError: another process changes the file. Do it again.
        StoreError: the file cannot be read or written.
    """

    def rotate(previous: _SigningKeyFile) -> _SigningKeyFile:
        former = [public.x for public in previous.key().public_keys.keys]
        return msgspec.structs.replace(previous, private=entropy(SECRET_BYTES).hex(), former=former)

    return FILES.change(path, rotate).key()
