"""From an account id to its pseudonym, and the key that it takes."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privacy.errors import StoreError
from privacy.vault.pseudonym import KEY_BYTES, Pseudonymiser, create_pseudonym_key, load_pseudonym_key

if TYPE_CHECKING:
    from pathlib import Path

KEY = bytes(range(32))


@given(account=st.text(), key=st.binary(min_size=32, max_size=32))
def test_a_pseudonym_is_a_keyed_hash(account: str, key: bytes) -> None:
    """16 bytes of BLAKE2b under the key: the same every time, and another one under another key."""
    pseudonym = Pseudonymiser(key)(account)
    assert pseudonym == blake2b(account.encode(), key=key, digest_size=16).digest()
    other_key = bytes([key[0] ^ 1]) + key[1:]
    assert Pseudonymiser(other_key)(account) != pseudonym


@given(accounts=st.sets(st.text(), min_size=2, max_size=50))
def test_accounts_have_pseudonyms_of_their_own(accounts: set[str]) -> None:
    """Two accounts never share registers. False alarm: a collision of 128 bits."""
    assert len(set(map(Pseudonymiser(KEY), accounts))) == len(accounts)


@pytest.mark.parametrize("size", [0, 16, 31, 33, 64])
def test_a_key_has_32_bytes(size: int) -> None:
    """An empty or short key, under which anyone could compute pseudonyms, is refused."""
    with pytest.raises(StoreError, match=f"has {size} bytes; exactly {KEY_BYTES}"):
        Pseudonymiser(bytes(size))


def test_the_key_is_not_shown() -> None:
    """No log line that prints the value gives the key away."""
    secret = b"0123456789abcdef0123456789abcdef"
    assert "0123" not in repr(Pseudonymiser(secret))


def test_a_new_key_is_private_random_and_kept(tmp_path: Path) -> None:
    """Made once, readable by its owner alone, different from every other, and never made anew."""
    first, second = tmp_path / "first", tmp_path / "second"
    for path in (first, second, first):
        create_pseudonym_key(path)
    key = load_pseudonym_key(first)
    assert len(key) == KEY_BYTES
    assert first.stat().st_mode & 0o777 == 0o600
    assert load_pseudonym_key(second) != key
    create_pseudonym_key(first)
    assert load_pseudonym_key(first) == key


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o660, 0o601, 0o777])
def test_a_key_file_that_others_may_touch_is_refused(mode: int, tmp_path: Path) -> None:
    """Whoever can read the key can follow an account."""
    path = tmp_path / "key"
    create_pseudonym_key(path)
    path.chmod(mode)
    with pytest.raises(StoreError, match=f"has rights {mode:o}; 600"):
        load_pseudonym_key(path)


@pytest.mark.parametrize("content", [b"no hexadecimal", b"abc", b"\xff\xfe\x00", "ключ".encode()])
def test_what_is_no_key_is_refused(content: bytes, tmp_path: Path) -> None:
    """A damaged file is named, and its content is not repeated."""
    path = tmp_path / "key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(StoreError, match="is not hexadecimal") as raised:
        load_pseudonym_key(path)
    assert "no hexadecimal" not in str(raised.value)


def test_a_key_file_that_was_never_finished_makes_no_pseudonyms(tmp_path: Path) -> None:
    """A crash while the key was made leaves an empty file, and nothing starts with it."""
    path = tmp_path / "key"
    path.touch(0o600)
    with pytest.raises(StoreError, match="has 0 bytes"):
        Pseudonymiser(load_pseudonym_key(path))


def test_a_missing_key_file_is_named(tmp_path: Path) -> None:
    """The message says which file, and why it cannot be read."""
    with pytest.raises(StoreError, match=r"key: cannot be read \(No such file"):
        load_pseudonym_key(tmp_path / "key")
