"""The file with the ledger's signing key: on the release side only, never in Redis, never logged."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from privacy.ledger.jws import base64url, from_base64url
from privacy.signing.jwks import KEY_BYTES, PublicKey
from privacy.signing.signer import Signer
from privacy.store.credentials import read_private, write_private


class _KeyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The private key in hexadecimal; public keys of former ones as in a JWK's `x`, newest first."""

    private: str
    former: list[str]


def load_signer(path: Path) -> Signer:
    """Read the key.

    Raises:
        StoreError: the file is missing, readable by others, or holds no key; the message repeats none.
    """
    rule = (
        f"holds no key; JSON with `private`, {KEY_BYTES} bytes in hexadecimal, and `former`, a list of "
        "public keys"
    )
    return read_private(path, "ledger key file", _parsed, rule)


def _parsed(content: bytes) -> Signer:
    file = msgspec.json.decode(content, type=_KeyFile)
    former = tuple(PublicKey(from_base64url(key)) for key in file.former)
    return Signer(bytes.fromhex(file.private), former)


def create_ledger_key(path: Path, entropy: Callable[[int], bytes]) -> None:
    """Make a new key file unless there is one already.

    Raises:
        StoreError: the folder does not allow it.
    """
    if not path.exists():
        _write(path, Signer(entropy(KEY_BYTES)))


def rotate_ledger_key(path: Path, entropy: Callable[[int], bytes]) -> Signer:
    """Put a new key in force; of the one before, only the public half stays, so that signatures verify.

    Returns:
        The signer that is in force now.

    Raises:
        StoreError: the file cannot be read or written.
    """
    known = load_signer(path)
    rotated = Signer(entropy(KEY_BYTES), known.public_keys.keys)
    _write(path, rotated)
    return rotated


def _write(path: Path, signer: Signer) -> None:
    file = _KeyFile(signer.secret.hex(), [base64url(key.raw) for key in signer.former])
    write_private(path, msgspec.json.encode(file).decode() + os.linesep)
