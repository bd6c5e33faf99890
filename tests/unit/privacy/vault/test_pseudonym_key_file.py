"""The file with the keys of the pseudonyms."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from privacy.errors import ConflictError, StoreBusyError, StoreError
from privacy.store import file_change
from privacy.vault.pseudonym import KEY_BYTES, Pseudonymiser
from privacy.vault.pseudonym_key_file import (
    FILES,
    begin_rotation,
    create_key_file,
    end_rotation,
    load_pseudonymiser,
)


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
    end_rotation(path, rotated)
    ended = load_pseudonymiser(path)
    assert (ended.outer_key, ended.previous_outer_key) == (rotated.outer_key, None)
    assert before.outer_key.hex() not in path.read_text()
    with pytest.raises(ConflictError, match="no rotation"):
        end_rotation(path, rotated)


def test_what_a_killed_writer_left_keeps_no_destroyed_key(path: Path) -> None:
    """The next writer removes it, and nothing else."""
    rotated = begin_rotation(path, os.urandom)
    left = path.with_name(f"{path.name}.4x2k1a9b.draft")
    left.write_bytes(path.read_bytes())
    others = [path.with_name("key2.4x2k1a9b.draft"), path.with_name("other.key")]
    for other in others:
        other.write_text("kept")
    end_rotation(path, rotated)
    assert sorted(path.parent.iterdir()) == sorted([path, *others])


def test_a_rotation_that_meets_another_one_loses_no_key(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One is stopped between reading the file and writing it: the other is refused until it has written."""
    monkeypatch.setattr(file_change, "LOCK_PATIENCE_SECONDS", 0.0)
    before = load_pseudonymiser(path)

    def entropy_while_another_rotates(count: int) -> bytes:
        with pytest.raises(StoreBusyError, match="another process is changing a file"):
            end_rotation(path, begin_rotation(path, os.urandom))
        return os.urandom(count)

    rotated = begin_rotation(path, entropy_while_another_rotates)
    assert load_pseudonymiser(path) == rotated
    assert (rotated.previous_outer_key, rotated.generation) == (before.outer_key, before.generation + 1)
    end_rotation(path, rotated)
    assert begin_rotation(path, os.urandom).previous_outer_key == rotated.outer_key


def test_a_file_that_changed_since_it_was_read_is_not_replaced(path: Path) -> None:
    """Whoever changed it took no lock, such as an operator who put a copy back: that one stays."""
    create_key_file(path.with_name("other"), os.urandom)
    other = path.with_name("other").read_bytes()

    def entropy_while_a_copy_is_put_back(count: int) -> bytes:
        path.write_bytes(other)
        return os.urandom(count)

    with pytest.raises(StoreBusyError, match="was changed by another process just now: nothing was written"):
        begin_rotation(path, entropy_while_a_copy_is_put_back)
    assert path.read_bytes() == other


def test_a_rotation_ends_none_but_itself(path: Path) -> None:
    """One that comes late, after another process ended it and began the next, leaves that one its key."""
    late = begin_rotation(path, os.urandom)
    end_rotation(path, begin_rotation(path, os.urandom))
    following = begin_rotation(path, os.urandom)
    with pytest.raises(ConflictError, match=r"to generation 1 was ended .* to generation 2 is under way"):
        end_rotation(path, late)
    assert load_pseudonymiser(path) == following
    assert following.previous_outer_key == late.outer_key
    same_number = replace(following, outer_key=os.urandom(KEY_BYTES))
    with pytest.raises(ConflictError, match="under way"):
        end_rotation(path, same_number)
    assert load_pseudonymiser(path) == following


def test_a_rotation_through_a_link_leaves_no_key_behind(path: Path, tmp_path: Path) -> None:
    """The file that the link leads to is changed, in its own folder, and the link stays."""
    (tmp_path / "conf").mkdir()
    link = tmp_path / "conf" / "pseudonym.key"
    link.symlink_to(Path("..") / path.name)
    before = load_pseudonymiser(path)
    rotated = begin_rotation(link, os.urandom)
    end_rotation(link, rotated)
    assert link.is_symlink()
    assert load_pseudonymiser(path).outer_key == load_pseudonymiser(link).outer_key == rotated.outer_key
    assert before.outer_key.hex() not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(link.parent.iterdir()) == [link]


def test_a_key_is_named_for_one_store(path: Path) -> None:
    """A name that another process wrote meanwhile stays."""
    FILES.name_store(path, "1" * 32)
    FILES.name_store(path, "1" * 32)
    with pytest.raises(StoreError, match="another store"):
        FILES.name_store(path, "2" * 32)
    assert FILES.read(path).store == "1" * 32


def test_a_changed_bit_is_never_read_as_another_key(path: Path) -> None:
    """Every bit of the file, in the middle of a rotation: other keys or numbers would find no account."""
    end_rotation(path, begin_rotation(path, os.urandom))
    keys = begin_rotation(path, os.urandom)
    FILES.name_store(path, "1" * 32)
    whole = path.read_bytes()
    for place in range(8 * len(whole)):
        changed = bytearray(whole)
        changed[place // 8] ^= 1 << place % 8
        path.write_bytes(changed)
        try:
            found = load_pseudonymiser(path)
        except StoreError:
            continue
        assert (found, FILES.read(path).store) == (keys, "1" * 32), changed


def test_a_file_without_a_check_value_is_read_and_gets_one(path: Path) -> None:
    """An older version wrote it, or a hand."""
    keys = load_pseudonymiser(path)
    path.write_text(f'{{"inner": "{keys.inner_key.hex()}", "outer": "{keys.outer_key.hex()}"}}')
    assert load_pseudonymiser(path) == keys
    FILES.name_store(path, "1" * 32)
    assert '"check":' in path.read_text()
    assert load_pseudonymiser(path) == keys
