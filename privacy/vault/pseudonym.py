"""Derives an account's pseudonym from its id: no code past this module knows the id.

    inner     = BLAKE2b(inner key, account id)      16 bytes; never stored
    pseudonym = AES-256(outer key, inner)           16 bytes; names the account's registers
    tombstone = AES-256(tomb key, inner), cut       8 bytes; all that is kept of an erased account
    handle    = AES-256(handle key, inner)          16 bytes; names the account to staff and in their jobs
    audit tag = AES-256(audit key, inner), cut      8 bytes; names it in the audit trail only

The outer key can be rotated without any account id: a pseudonym is decrypted to its inner hash and encrypted
under the new key. All others come from the inner hash, so they do not change: a handle that staff or a job
was given stays valid after a rotation, and no pseudonym ever leaves the vault. One AES block is a permutation
of 16 bytes, so no two accounts have one pseudonym. Every account is one block and a hash of its own, which is
why the plain block cipher, ECB, is the right mode here (NIST SP 800-38A, 6.1).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from itertools import repeat
from operator import itemgetter
from struct import Struct
from typing import NamedTuple

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

from privacy.errors import StoreError

PSEUDONYM_BYTES = 16
HANDLE_BYTES = 16
TOMBSTONE_BYTES = 8
NETWORK_BYTES = 8
KEY_BYTES = 32
KEY_ID_BYTES = 8
_AUDIT_TAG_BYTES = 8


class Account(NamedTuple):
    """An account as the vault knows it.

    Args:
        pseudonym: names its registers.
        previous_pseudonym: its pseudonym under the previous key while a rotation is under way; else empty.
        tombstone: all that is kept of it after its erasure.
        shard_hash: decides its shard: `shard_hash % account_shards`.
    """

    pseudonym: bytes
    previous_pseudonym: bytes
    tombstone: bytes
    shard_hash: int

    def shard(self, account_shards: int) -> int:
        """Returns the shard that holds its registers."""
        return self.shard_hash % account_shards


class AccountColumns(NamedTuple):
    """Many accounts, the fields of `Account` as columns.

    Args:
        pseudonyms: 16 raw bytes each.
        previous_pseudonyms: 16 raw bytes each; an empty column unless a rotation is under way.
        tombstones: 8 raw bytes each.
        shard_hashes: unsigned 16-bit integers.
    """

    pseudonyms: np.ndarray
    previous_pseudonyms: np.ndarray
    tombstones: np.ndarray
    shard_hashes: np.ndarray


class AccountHandle(NamedTuple):
    """An account as staff and their jobs know it.

    Args:
        name: the handle itself, 16 raw bytes.
        shard_hash: decides its shard, as `Account.shard_hash`.
    """

    name: bytes
    shard_hash: int


@dataclass(frozen=True)
class AccountRef:
    """Names an account in a way that survives a rotation of the outer key.

    Args:
        name: an account id (text) or an account handle (bytes).
    """

    name: str | bytes

    def resolve(self, keys: Pseudonymiser) -> Account:
        """Finds the account under these keys."""
        if isinstance(self.name, str):
            return keys.pseudonymise(self.name)
        return keys.resolve_handles([self.name])[0]


@dataclass(frozen=True)
class Pseudonymiser:
    """Derives pseudonyms. Without its keys no one can find the registers of an account id.

    Args:
        inner_key: 32 random bytes; kept for the life of the store.
        outer_key: 32 random bytes; rotated.
        previous_outer_key: the previous outer key, while a rotation is under way.
        generation: counts rotations; part of the names of accounts, so that a name tells its key.
    """

    inner_key: bytes = field(repr=False)
    outer_key: bytes = field(repr=False)
    previous_outer_key: bytes | None = field(default=None, repr=False)
    generation: int = 0

    def __post_init__(self) -> None:
        for name in ("inner_key", "outer_key", "previous_outer_key"):
            key = getattr(self, name)
            if key is not None and len(key) != KEY_BYTES:
                raise StoreError(
                    f"pseudonym key: {name} has {len(key)} bytes, and must have exactly {KEY_BYTES}"
                )

    @cached_property
    def key_id(self) -> bytes:
        """Identifies the inner key and the outer key in use, and reveals nothing else of them: 8 bytes."""
        keys = self.inner_key + self.outer_key
        return blake2b(keys, digest_size=KEY_ID_BYTES, person=b"likewise key id").digest()

    @cached_property
    def previous_key_id(self) -> bytes:
        """The id before the rotation that is under way; empty if none is."""
        return self.before_rotation.key_id if self.before_rotation else b""

    @cached_property
    def before_rotation(self) -> Pseudonymiser | None:
        """The keys before the rotation that is under way; None if none is."""
        if self.previous_outer_key is None:
            return None
        return Pseudonymiser(self.inner_key, self.previous_outer_key, generation=self.generation - 1)

    @cached_property
    def fingerprint(self) -> str:
        """Identifies the inner key, which is kept for the life of a store: 16 hexadecimal digits."""
        return blake2b(self.inner_key, digest_size=KEY_ID_BYTES, person=b"likewise inner").hexdigest()

    def hash_network(self, name: str) -> bytes:
        """Hashes the name of a network to 8 bytes, which tell networks apart and name none."""
        return blake2b(
            name.encode(), key=self.inner_key, digest_size=NETWORK_BYTES, person=b"likewise net"
        ).digest()

    def pseudonymise(self, account_id: str) -> Account:
        """Returns the account with an id."""
        return self.pseudonymise_all([account_id])[0]

    def pseudonymise_all(self, account_ids: Sequence[str]) -> list[Account]:
        """Returns the accounts with these ids, in their order."""
        return self._derive_accounts(self._hash_ids(account_ids))

    def pseudonymise_columns(self, account_ids: Sequence[str]) -> AccountColumns:
        """Returns the accounts with these ids as columns: intake has no time for an object per account."""
        joined, previous_key = b"".join(self._hash_ids(account_ids)), self.previous_outer_key
        return AccountColumns(
            np.frombuffer(_encrypt(self.outer_key, joined), _BLOCK_COLUMN),
            np.frombuffer(_encrypt(previous_key, joined) if previous_key else b"", _BLOCK_COLUMN),
            np.frombuffer(_encrypt(self._tomb_key, joined), _TOMBSTONE_COLUMN)["tombstone"],
            _shard_hashes(joined),
        )

    def resolve_pseudonyms(self, pseudonyms: Sequence[bytes]) -> list[Account]:
        """Returns the accounts with these pseudonyms under the outer key in use, in their order."""
        return self._derive_accounts(_split(_decrypt(self.outer_key, pseudonyms)))

    def resolve_previous_pseudonyms(self, pseudonyms: Sequence[bytes]) -> list[Account]:
        """Returns the accounts with these pseudonyms under the previous outer key.

        Raises:
            StoreError: no rotation is under way.
        """
        if self.previous_outer_key is None:
            raise StoreError("pseudonym key: no rotation is under way")
        return self._derive_accounts(_split(_decrypt(self.previous_outer_key, pseudonyms)))

    def derive_handles(self, account_ids: Sequence[str]) -> list[AccountHandle]:
        """Returns the handles of the accounts with these ids, in their order."""
        return self._derive_handles_from_hashes(self._hash_ids(account_ids))

    def derive_handles_from_pseudonyms(self, pseudonyms: Sequence[bytes]) -> list[AccountHandle]:
        """Returns the handles of the accounts with these pseudonyms under the outer key in use."""
        return self._derive_handles_from_hashes(_split(_decrypt(self.outer_key, pseudonyms)))

    def derive_handles_from_accounts(self, accounts: Sequence[Account]) -> list[AccountHandle]:
        """Returns the handles of accounts."""
        return self.derive_handles_from_pseudonyms([account.pseudonym for account in accounts])

    def parse_handles(self, names: Sequence[bytes]) -> list[AccountHandle]:
        """Returns the handles with these names, which staff were given."""
        return self._derive_handles_from_hashes(_split(_decrypt(self._handle_key, names)))

    def resolve_handles(self, handles: Sequence[bytes]) -> list[Account]:
        """Returns the accounts with these handles, in their order."""
        return self._derive_accounts(_split(_decrypt(self._handle_key, handles)))

    def derive_audit_tag(self, account_id: str) -> str:
        """Returns the audit tag of the account with an id, in hexadecimal."""
        return _encrypt(self._derive_key(b"likewise audit"), self._hash_ids([account_id])[0])[
            :_AUDIT_TAG_BYTES
        ].hex()

    @cached_property
    def request_key(self) -> bytes:
        """The key under which a request is hashed that may name an account."""
        return self._derive_key(b"likewise request")

    def _hash_ids(self, account_ids: Sequence[str]) -> list[bytes]:
        copy, digests = self._keyed.copy, []
        for account_id in account_ids:  # once per event: a function call would cost a sixth more
            keyed = copy()
            keyed.update(account_id.encode())
            digests.append(keyed.digest())
        return digests

    def _derive_handles_from_hashes(self, inner: Sequence[bytes]) -> list[AccountHandle]:
        joined = b"".join(inner)
        names = _cut(_encrypt(self._handle_key, joined), _BLOCK)
        return list(map(AccountHandle, names, _shard_hashes(joined).tolist()))

    def _derive_accounts(self, inner: Sequence[bytes]) -> list[Account]:
        joined, previous_key = b"".join(inner), self.previous_outer_key
        return list(
            map(
                Account,
                _cut(_encrypt(self.outer_key, joined), _BLOCK),
                _cut(_encrypt(previous_key, joined), _BLOCK) if previous_key else repeat(b""),
                _cut(_encrypt(self._tomb_key, joined), _TOMBSTONE),
                _shard_hashes(joined).tolist(),
            )
        )

    @cached_property
    def _tomb_key(self) -> bytes:
        return self._derive_key(b"likewise tomb")

    @cached_property
    def _handle_key(self) -> bytes:
        return self._derive_key(b"likewise handle")

    def _derive_key(self, purpose: bytes) -> bytes:
        return blake2b(self.inner_key, digest_size=KEY_BYTES, person=purpose).digest()

    @cached_property
    def _keyed(self) -> blake2b:
        """The hash after it has absorbed the key: copying it saves a third of the time."""
        return blake2b(key=self.inner_key, digest_size=PSEUDONYM_BYTES)


def _shard_hashes(inner: bytes) -> np.ndarray:
    """Returns the shard hashes of these inner hashes: the first 16 bits of each."""
    return np.frombuffer(inner, _SHARD_HASH_COLUMN)["shard_hash"]


def _encrypt(key: bytes, blocks: bytes) -> bytes:
    # ECB on hashes, each a block of its own: see the module's text.
    return Cipher(AES(key), ECB()).encryptor().update(blocks)  # noqa: S305 - as above


def _decrypt(key: bytes, blocks: Sequence[bytes]) -> bytes:
    return Cipher(AES(key), ECB()).decryptor().update(b"".join(blocks))  # noqa: S305 - as above


def _split(joined: bytes) -> list[bytes]:
    return list(_cut(joined, _BLOCK))


def _cut(blocks: bytes, form: Struct) -> Iterator[bytes]:
    """Yields the part of each block that a form selects."""
    return map(itemgetter(0), form.iter_unpack(blocks))


_BLOCK = Struct(f"{PSEUDONYM_BYTES}s")
_TOMBSTONE = Struct(f"{TOMBSTONE_BYTES}s{PSEUDONYM_BYTES - TOMBSTONE_BYTES}x")
_BLOCK_COLUMN = np.dtype(f"V{PSEUDONYM_BYTES}")
_TOMBSTONE_COLUMN = np.dtype(
    [("tombstone", f"V{TOMBSTONE_BYTES}"), ("rest", f"V{PSEUDONYM_BYTES - TOMBSTONE_BYTES}")]
)
_SHARD_HASH_COLUMN = np.dtype([("shard_hash", ">u2"), ("rest", f"V{PSEUDONYM_BYTES - 2}")])
