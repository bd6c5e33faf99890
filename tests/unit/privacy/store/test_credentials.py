"""Passwords in the data folder are created once, kept, and readable by their owner only."""

import errno
import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from privacy.errors import StoreError, UnwritableError
from privacy.store.credentials import (
    create_private,
    keep_or_write_private,
    load_or_create_credentials,
    private_file_fault,
    write_private,
)


def test_passwords_survive_a_restart_and_new_users_get_theirs(tmp_path: Path) -> None:
    """A second start reads the same passwords, and adds one for a user that a new version brought."""
    path = tmp_path / "credentials.json"
    first = load_or_create_credentials(path, ["a", "b"], os.urandom)
    second = load_or_create_credentials(path, ["a", "b", "c"], os.urandom)
    assert {name: second[name] for name in "ab"} == first
    assert len(set(second.values())) == 3
    assert all(len(bytes.fromhex(password)) == 32 for password in second.values())


def test_the_file_is_its_owners_alone_whatever_the_umask(tmp_path: Path) -> None:
    """The file is 0600 from its first byte on."""
    before = os.umask(0)
    try:
        load_or_create_credentials(tmp_path / "credentials.json", ["a"], os.urandom)
    finally:
        os.umask(before)
    assert (tmp_path / "credentials.json").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["credentials.json"]


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    """Passwords that others could have read are not used any more."""
    path = tmp_path / "credentials.json"
    load_or_create_credentials(path, ["a"], os.urandom)
    path.chmod(0o640)
    with pytest.raises(StoreError, match="chmod 600"):
        load_or_create_credentials(path, ["a"], os.urandom)


@pytest.mark.parametrize("content", ["", "[]", '{"a": "sesame"', '"sesame"'])
def test_a_damaged_file_is_refused_without_repeating_it(tmp_path: Path, content: str) -> None:
    """The message names the file, and nothing that stands in it."""
    path = tmp_path / "credentials.json"
    write_private(path, content)
    with pytest.raises(StoreError, match=r"credentials\.json is damaged") as caught:
        load_or_create_credentials(path, ["a"], os.urandom)
    assert "sesame" not in str(caught.value)


@pytest.mark.parametrize(
    "value", ["5", "null", '""', '"a\\nb"', '"\\ud800"', f'"{"G" * 64}"', f'"{"a" * 31}"']
)
def test_a_password_of_another_form_is_refused(tmp_path: Path, value: str) -> None:
    """The message names the user and the rule."""
    path = tmp_path / "credentials.json"
    write_private(path, f'{{"a": {value}}}')
    with pytest.raises(StoreError, match=r"password of the user 'a' must be .* 32 .* hexadecimal"):
        load_or_create_credentials(path, ["a"], os.urandom)


def test_concurrent_writers_do_not_disturb_each_other(tmp_path: Path) -> None:
    """Many threads replace one file: none fails, the file is whole, and no draft remains."""
    texts = [f"{number}" * 10_000 for number in range(8)]
    with ThreadPoolExecutor(len(texts)) as threads:
        for _ in range(10):
            list(threads.map(lambda text: write_private(tmp_path / "file", text), texts))
    assert (tmp_path / "file").read_text() in texts
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_file_is_created_once(tmp_path: Path) -> None:
    """Of several files that are created at once, the first one stays, and no draft remains."""
    path = tmp_path / "file"
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: create_private(path, f"{number}"), range(8)))
    first = path.read_text()
    create_private(path, "later")
    assert path.read_text() == first
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("write", [create_private, write_private])
def test_the_name_of_a_file_is_on_disk_when_it_is_there(
    tmp_path: Path, write: Callable[[Path, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last thing that is synced is the folder, after the file has its name: a power cut takes neither."""
    synced: list[tuple[bool, bool]] = []
    path, real_fsync = tmp_path / "key", os.fsync

    def fsync(descriptor: int) -> None:
        synced.append((stat.S_ISDIR(os.fstat(descriptor).st_mode), path.exists()))
        real_fsync(descriptor)

    monkeypatch.setattr("os.fsync", fsync)
    write(path, "secret")
    assert synced == [(False, False), (True, True)]


@pytest.mark.parametrize("exists", [True, False])
@pytest.mark.parametrize("write", [create_private, keep_or_write_private, write_private])
def test_links_stay_and_lead_to_the_new_content(
    tmp_path: Path, write: Callable[[Path, str], None], *, exists: bool
) -> None:
    """A secret is written where its links lead to, with no draft elsewhere, so that no old one stays."""
    target, link, first = tmp_path / "disk" / "key", tmp_path / "conf" / "key", tmp_path / "key"
    target.parent.mkdir()
    link.parent.mkdir()
    first.symlink_to(link)
    link.symlink_to(target)
    if exists:
        write_private(target, "former")
    write(first, "secret")
    assert first.readlink() == link
    assert link.readlink() == target
    assert target.read_text() == ("former" if exists and write is create_private else "secret")
    assert target.stat().st_mode & 0o777 == 0o600
    assert list(target.parent.iterdir()) == [target]
    assert list(link.parent.iterdir()) == [link]


@pytest.mark.parametrize("write", [create_private, write_private])
def test_links_that_lead_in_a_circle_are_an_error(tmp_path: Path, write: Callable[[Path, str], None]) -> None:
    """The message names the path, and the links stay."""
    (tmp_path / "key").symlink_to(tmp_path / "back")
    (tmp_path / "back").symlink_to(tmp_path / "key")
    with pytest.raises(StoreError, match=r"cannot write .*key: its symbolic links lead to no file"):
        write(tmp_path / "key", "secret")
    assert (tmp_path / "key").is_symlink()


def test_a_file_with_the_right_content_needs_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a full disk, a file that says the right thing is kept, and any other one is an error."""
    path = tmp_path / "users.acl"
    keep_or_write_private(path, "right")

    def disk_is_full(**_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("privacy.store.credentials.mkstemp", disk_is_full)
    keep_or_write_private(path, "right")
    with pytest.raises(StoreError, match="No space left"):
        keep_or_write_private(path, "another")
    path.chmod(0o644)
    with pytest.raises(StoreError, match="No space left"):
        keep_or_write_private(path, "right")


def test_a_write_that_fails_leaves_no_draft(tmp_path: Path) -> None:
    """A folder in the file's place is an error, and the draft with the secret is removed."""
    (tmp_path / "file").mkdir()
    with pytest.raises(StoreError, match="cannot write"):
        write_private(tmp_path / "file", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_missing_folder_is_a_readable_error(tmp_path: Path) -> None:
    """A folder that is not there, or not writable, gives a sentence instead of a traceback."""
    with pytest.raises(UnwritableError, match=r"cannot write .*No such file"):
        write_private(tmp_path / "nowhere" / "file", "text")


def test_what_makes_a_file_of_secrets_unsafe(tmp_path: Path) -> None:
    """Absence, another kind of file, and any right for group or others are faults."""
    path = tmp_path / "secret"
    way_on = "put it back, or correct the setting that names it"
    assert private_file_fault(path) == f"{path} is not there: {way_on}"
    assert private_file_fault(tmp_path) == f"{tmp_path} is no regular file: {way_on}"
    write_private(path, "x")
    assert private_file_fault(path) is None
    path.chmod(0o601)
    assert "read by others" in (private_file_fault(path) or "")
