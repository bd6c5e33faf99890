"""The file with the ledger's signing key: on the release side only, never in Redis, never logged."""

import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from privacy.signing.jwks import PublicKey
from privacy.signing.signing_key import SECRET_BYTES, SigningKey
from privacy.store.credentials import create_private, read_private, write_private


class _SigningKeyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The private key in hexadecimal; the public keys of former ones as a JWK's `x`, newest first."""

    private: str
    former: list[str]


def load_signing_key(path: Path) -> SigningKey:
    """Reads the key.

    Raises:
        StoreError: the file is missing, readable by others, or holds no key; the message repeats none.
    """
    rule = (
        f"holds no key; must be JSON with `private`, {SECRET_BYTES} bytes in hexadecimal, and `former`, a "
        "list of public keys"
    )
    return read_private(path, "ledger key file", _parse, rule)


def _parse(content: bytes) -> SigningKey:
    file = msgspec.json.decode(content, type=_SigningKeyFile)
    return SigningKey(bytes.fromhex(file.private), tuple(map(PublicKey, file.former)))


def create_ledger_key(path: Path, entropy: Callable[[int], bytes]) -> None:
    """Creates a key file unless there is one already, and checks the one that is there then.

    Raises:
        StoreError: the folder does not allow it, or the file is readable by others or holds no key.
    """
    if not path.exists():
        create_private(path, _format(SigningKey(entropy(SECRET_BYTES))))
    load_signing_key(path)


def rotate_ledger_key(path: Path, entropy: Callable[[int], bytes]) -> SigningKey:
    """Puts a new key in force; of the previous one, only the public half is kept, so that signatures verify.

    Returns:
        The key that is in force now.

    Raises:
        StoreError: the file cannot be read or written.
    """
    previous = load_signing_key(path)
    rotated = SigningKey(entropy(SECRET_BYTES), previous.public_keys.keys)
    write_private(path, _format(rotated))
    return rotated


def _format(key: SigningKey) -> str:
    file = _SigningKeyFile(key.secret.hex(), [former.x for former in key.former])
    return msgspec.json.encode(file).decode() + os.linesep
