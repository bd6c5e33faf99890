"""The log of a child process stays within its bound while the process runs."""

from pathlib import Path

from privacy.embedded.log_file import LogFile

MAX_BYTES = 100


def log_in(folder: Path) -> LogFile:
    """A log with a small bound."""
    return LogFile(folder / "child.log", MAX_BYTES)


def test_a_running_process_never_fills_the_disk(tmp_path: Path) -> None:
    """However much it writes, two files of about the bound are kept, the newest lines among them."""
    log = log_in(tmp_path)
    with log.opened() as file:
        for number in range(100):
            file.write(b"line %d\n" % number)
            file.flush()
            log.bound()
        kept = [path.read_text() for path in (tmp_path / "child.log.1", tmp_path / "child.log")]
    assert all(len(text) <= MAX_BYTES + len("line 99\n") for text in kept)
    assert "".join(kept).endswith("line 97\nline 98\nline 99\n")
    assert not [path for path in tmp_path.iterdir() if path.stat().st_mode & 0o077]


def test_what_cannot_be_kept_is_cut_all_the_same(tmp_path: Path) -> None:
    """Where there is no room for a copy, the log is emptied: it must not take the room of the data."""
    (tmp_path / "child.log.1").mkdir()
    log = log_in(tmp_path)
    with log.opened() as file:
        file.write(b"x" * (MAX_BYTES + 1))
        file.flush()
        log.bound()
        file.write(b"after\n")
    assert (tmp_path / "child.log").read_text() == "after\n"


def test_the_newest_process_is_quoted(tmp_path: Path) -> None:
    """The tail holds what was written since the file was opened, also when it was cut meanwhile."""
    log = log_in(tmp_path)
    with log.opened() as file:
        file.write(b"earlier\n")
    with log.opened() as file:
        file.write(b"later\n")
    assert log.read_tail() == ["later"]
    with log.opened() as file:
        file.write(b"x" * MAX_BYTES)
        file.flush()
        log.bound()
        file.write(b"last\n")
    assert log.read_tail() == ["last"]


def test_a_log_that_is_gone_is_no_fault(tmp_path: Path) -> None:
    """An operator may remove a log at any time."""
    log = log_in(tmp_path)
    log.bound()
    assert not list(tmp_path.iterdir())
