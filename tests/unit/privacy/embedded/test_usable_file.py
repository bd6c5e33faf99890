"""What is no file in the place of one is named, and nothing waits for it."""

import os
from collections.abc import Callable
from errno import EACCES
from pathlib import Path

import pytest

from privacy.embedded.usable_file import naming_faults, require_usable_file
from privacy.errors import StoreError


def link_to(target: str) -> Callable[[Path], None]:
    """Returns what makes a link."""
    return lambda path: path.symlink_to(target)


KINDS: dict[str, tuple[Callable[[Path], object], str]] = {
    "folder": (Path.mkdir, "is no regular file"),
    "pipe": (os.mkfifo, "is no regular file"),
    "device": (link_to("/dev/zero"), "is no regular file"),
    "link to nowhere": (link_to("nowhere"), "is a link to a file that is not there"),
    "circle of links": (link_to("file"), "cannot be read (Too many levels"),
}


@pytest.mark.parametrize(("make", "fault"), KINDS.values(), ids=KINDS)
def test_what_is_no_file_is_named(make: Callable[[Path], object], fault: str, tmp_path: Path) -> None:
    """The sentence says what is there, and what to do about it."""
    path = tmp_path / "file"
    make(path)
    with pytest.raises(StoreError) as caught:
        require_usable_file(path)
    assert str(caught.value).startswith(f"{path} {fault}")
    assert "move it away" in str(caught.value)


def test_a_file_that_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As another user than the owner meets it."""

    def refuse(*_given: object) -> int:
        raise PermissionError(EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(StoreError, match="cannot be read \\(Permission denied\\)"):
        require_usable_file(tmp_path / "file")


def test_files_and_links_to_files_are_usable(tmp_path: Path) -> None:
    """And so is what is not there yet."""
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to("file")
    for name in ("file", "link", "later", "no/later"):
        require_usable_file(tmp_path / name)
    (tmp_path / "to be made").symlink_to("later")
    require_usable_file(tmp_path / "to be made", may_be_made=True)


def test_a_refusal_of_the_operating_system_names_the_file(tmp_path: Path) -> None:
    """Whatever was tried with it."""
    with pytest.raises(StoreError, match=f"cannot use {tmp_path}: Is a directory"), naming_faults(Path("/")):
        tmp_path.read_text()
    with pytest.raises(StoreError, match="cannot use /: No space left"), naming_faults(Path("/")):
        raise OSError(28, "No space left on device")
