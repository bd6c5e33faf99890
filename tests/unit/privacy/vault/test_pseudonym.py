"""Pseudonyms: keyed, one for each account, and rotated without any account id."""

from hashlib import blake2b

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privacy.errors import StoreError
from privacy.vault.pseudonym import KEY_BYTES, PSEUDONYM_BYTES, Pseudonymiser

INNER, OUTER, NEWER = bytes(32), bytes(range(32)), bytes(range(1, 33))
KEYS = Pseudonymiser(INNER, OUTER)
_IDS = st.text("abcdefgh0123456789-_.~:", min_size=1, max_size=128)


@given(account_id=_IDS)
def test_both_keys_decide_the_pseudonym(account_id: str) -> None:
    """Another inner or outer key gives another pseudonym; the inner hash itself is never the pseudonym."""
    account = KEYS.pseudonymise(account_id)
    assert len(account.pseudonym) == PSEUDONYM_BYTES
    assert account.pseudonym != Pseudonymiser(OUTER, OUTER).pseudonymise(account_id).pseudonym
    assert account.pseudonym != Pseudonymiser(INNER, NEWER).pseudonymise(account_id).pseudonym
    assert account.pseudonym != blake2b(account_id.encode(), key=INNER, digest_size=16).digest()
    assert account.tombstone not in account.pseudonym


@given(account_ids=st.lists(_IDS, unique=True, max_size=50))
def test_accounts_are_told_apart(account_ids: list[str]) -> None:
    """Distinct ids have distinct pseudonyms and tombstones, the same whether asked one by one or together."""
    accounts = KEYS.pseudonymise_all(account_ids)
    assert accounts == [KEYS.pseudonymise(account_id) for account_id in account_ids]
    assert len({account.pseudonym for account in accounts}) == len(account_ids)
    assert len({account.tombstone for account in accounts}) == len(account_ids)


@given(account_ids=st.lists(_IDS, min_size=1, max_size=20))
def test_a_rotation_needs_no_account_id(account_ids: list[str]) -> None:
    """From former pseudonyms alone come the new ones; shard and tombstone stay as they were."""
    before = KEYS.pseudonymise_all(account_ids)
    rotated = Pseudonymiser(INNER, NEWER, OUTER)
    after = rotated.pseudonymise_all(account_ids)
    assert rotated.resolve_previous_pseudonyms([account.pseudonym for account in before]) == after
    assert rotated.resolve_pseudonyms([account.pseudonym for account in after]) == after
    assert [account.previous_pseudonym for account in after] == [account.pseudonym for account in before]
    assert [(a.tombstone, a.shard_hash) for a in after] == [(a.tombstone, a.shard_hash) for a in before]


@pytest.mark.parametrize("keys", [KEYS, Pseudonymiser(INNER, NEWER, OUTER)], ids=["one key", "two keys"])
@given(account_ids=st.lists(_IDS, max_size=20))
def test_columns_hold_what_the_accounts_hold(keys: Pseudonymiser, account_ids: list[str]) -> None:
    """Columns hold the same accounts, field by field; previous pseudonyms only during a rotation."""
    columns, accounts = keys.pseudonymise_columns(account_ids), keys.pseudonymise_all(account_ids)
    assert [bytes(name) for name in columns.pseudonyms] == [account.pseudonym for account in accounts]
    assert [bytes(name) for name in columns.previous_pseudonyms] == [
        a.previous_pseudonym for a in accounts if a.previous_pseudonym
    ]
    assert [bytes(name) for name in columns.tombstones] == [account.tombstone for account in accounts]
    assert columns.shard_hashes.tolist() == [account.shard_hash for account in accounts]


def test_without_a_rotation_there_are_no_former_pseudonyms() -> None:
    """A key file without a former key cannot read them."""
    with pytest.raises(StoreError, match="no rotation is under way"):
        KEYS.resolve_previous_pseudonyms([bytes(16)])


@pytest.mark.parametrize("size", [0, 16, 31, 33, 64])
@pytest.mark.parametrize("index", range(3))
def test_a_key_of_another_length_is_refused(size: int, index: int) -> None:
    """Every key has exactly 32 bytes."""
    keys = [bytes(KEY_BYTES)] * 3
    keys[index] = bytes(size)
    with pytest.raises(StoreError, match="exactly 32"):
        Pseudonymiser(keys[0], keys[1], keys[2])


def test_no_key_is_shown() -> None:
    """The keys are not in the representation, which may land in a log; the key id says nothing of the key."""
    secret = b"0123456789abcdef0123456789abcdef"
    keys = Pseudonymiser(secret, secret, secret)
    assert "0123" not in repr(keys)
    assert keys.key_id not in secret
    assert keys.key_id == Pseudonymiser(secret, secret).key_id
    assert keys.key_id not in (Pseudonymiser(INNER, secret).key_id, KEYS.key_id)


def test_networks_are_told_apart_by_a_keyed_digest() -> None:
    """The digest of a network depends on the key and on the name."""
    assert KEYS.hash_network("a") != KEYS.hash_network("b")
    assert KEYS.hash_network("a") != Pseudonymiser(NEWER, OUTER).hash_network("a")
