"""The file with the keys of the pseudonyms."""

import os
from pathlib import Path

import pytest

from privacy.errors import ConflictError, StoreError
from privacy.vault.pseudonym import Pseudonymiser
from privacy.vault.pseudonym_key_file import begin_rotation, create_key_file, end_rotation, load_pseudonymiser


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A new key file."""
    create_key_file(tmp_path / "key", os.urandom)
    return tmp_path / "key"


def test_a_new_key_is_random_and_stays(path: Path, tmp_path: Path) -> None:
    """Each new file has keys of its own; making it again changes nothing; only its owner may read it."""
    keys = load_pseudonymiser(path)
    create_key_file(path, os.urandom)
    assert load_pseudonymiser(path) == keys
    create_key_file(tmp_path / "other", os.urandom)
    assert load_pseudonymiser(tmp_path / "other") != keys
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_key_that_another_process_created_meanwhile_stays(tmp_path: Path) -> None:
    """The file appears between the check and the creation: it is kept."""
    path = tmp_path / "key"

    def entropy_while_another_process_creates(count: int) -> bytes:
        create_key_file(path, os.urandom)
        created.append(load_pseudonymiser(path))
        return os.urandom(count)

    created: list[Pseudonymiser] = []
    create_key_file(path, entropy_while_another_process_creates)
    assert load_pseudonymiser(path) == created[0]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o777])
def test_a_file_that_others_can_read_is_refused(path: Path, mode: int) -> None:
    """Rights beyond the owner's are an error that says what to do."""
    path.chmod(mode)
    with pytest.raises(StoreError, match="chmod 600"):
        load_pseudonymiser(path)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\xff\xfe",
        b"{}",
        b'{"inner": "00", "outer": "zz"}',
        b'{"inner": "00", "outer": "00"}',
        b"secret",
    ],
)
def test_a_damaged_file_is_refused_and_not_repeated(path: Path, text: bytes) -> None:
    """A file that holds no keys is an error; its content is not in the message."""
    path.write_bytes(text)
    with pytest.raises(StoreError) as caught:
        load_pseudonymiser(path)
    assert "secret" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The message says which file is not there."""
    with pytest.raises(StoreError, match="key is not there"):
        load_pseudonymiser(tmp_path / "key")


def test_a_rotation_begins_once_and_ends(path: Path) -> None:
    """The previous key is kept until the rotation ends; a second start continues with the same new key."""
    before = load_pseudonymiser(path)
    rotated = begin_rotation(path, os.urandom)
    assert (rotated.inner_key, rotated.previous_outer_key) == (before.inner_key, before.outer_key)
    assert rotated.outer_key != before.outer_key
    assert begin_rotation(path, os.urandom) == load_pseudonymiser(path) == rotated
    end_rotation(path)
    ended = load_pseudonymiser(path)
    assert (ended.outer_key, ended.previous_outer_key) == (rotated.outer_key, None)
    assert before.outer_key.hex() not in path.read_text()
    with pytest.raises(ConflictError, match="no rotation"):
        end_rotation(path)
