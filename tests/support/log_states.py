"""States of the folder of a log: those in which Redis leaves it when it is killed, and damaged ones.

Each is made from the log of a server that has never rewritten it: a base without keys, and one incr file.
"""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from privacy.embedded.log_files import CLOSED_AT, MANIFEST

BASE: Final = "appendonly.aof.{}.base.rdb"
INCR: Final = "appendonly.aof.{}.incr.aof"


def _base(seq: int, kind: str = "b") -> str:
    return f"file {BASE.format(seq)} seq {seq} type {kind}\n"


def _incr(seq: int, kind: str = "i") -> str:
    return f"file {INCR.format(seq)} seq {seq} type {kind} startoffset 0\n"


def _list(folder: Path, *lines: str) -> None:
    (folder / MANIFEST).write_text("".join(lines))


def _open_next_incr(folder: Path) -> None:
    (folder / INCR.format(2)).touch()


def _begin_manifest(folder: Path) -> None:
    _open_next_incr(folder)
    (folder / f"temp-{MANIFEST}").write_text(_base(1) + _incr(1)[:9])


def _list_next_incr(folder: Path) -> None:
    _open_next_incr(folder)
    _list(folder, _base(1), _incr(1), _incr(2))


def _rename_next_base(folder: Path) -> None:
    _list_next_incr(folder)
    shutil.copy(folder / BASE.format(1), folder / BASE.format(2))


def _list_history(folder: Path) -> None:
    """The new base would hold what is history; here the incr file stands for it, as the copy has no keys."""
    _open_next_incr(folder)
    shutil.copy(folder / BASE.format(1), folder / BASE.format(2))
    shutil.copy(folder / INCR.format(1), folder / INCR.format(2))
    _list(folder, _base(2), _base(1, "h"), _incr(1, "h"), _incr(2))


def _delete_some_history(folder: Path) -> None:
    _list_history(folder)
    (folder / BASE.format(1)).unlink()


def _delete_history(folder: Path) -> None:
    _delete_some_history(folder)
    (folder / INCR.format(1)).unlink()


def _forget_history(folder: Path) -> None:
    _delete_history(folder)
    _list(folder, "# a comment, which Redis skips\n", _base(2), _incr(2))


LEFT_BY_REDIS: Final[Mapping[str, Callable[[Path], object]]] = {
    "not-in-a-rewrite": lambda _: None,
    "incr-opened": _open_next_incr,
    "manifest-begun": _begin_manifest,
    "incr-listed": _list_next_incr,
    "base-renamed": _rename_next_base,
    "history-listed": _list_history,
    "history-deleted-in-part": _delete_some_history,
    "history-deleted": _delete_history,
    "history-forgotten": _forget_history,
}
"""In the order of a rewrite; the keys of the log are in all of them."""


def _begin_first_start(folder: Path) -> None:
    (folder / MANIFEST).unlink()
    (folder / INCR.format(1)).unlink()


def _open_first_incr(folder: Path) -> None:
    _begin_first_start(folder)
    (folder / INCR.format(1)).touch()


LEFT_BY_A_FIRST_START: Final[Mapping[str, Callable[[Path], object]]] = {
    "base-written": _begin_first_start,
    "first-incr-opened": _open_first_incr,
}
"""No write was ever taken."""


def _cut_manifest(folder: Path) -> None:
    text = (folder / MANIFEST).read_text()
    _list(folder, text[: text.rindex(" seq")])


def _lose_the_end_of_a_rewritten_log(folder: Path) -> None:
    (folder / INCR.format(1)).rename(folder / INCR.format(3))
    (folder / BASE.format(1)).rename(folder / BASE.format(2))
    _list(folder, _base(2))


def _lose_the_newest_line(folder: Path) -> None:
    shutil.copy(folder / INCR.format(1), folder / INCR.format(2))


def _lose_an_older_line(folder: Path) -> None:
    _open_next_incr(folder)
    _list(folder, _base(1), _incr(2))


def _lose_a_line_between(folder: Path) -> None:
    for seq in (2, 3):
        shutil.copy(folder / INCR.format(1), folder / INCR.format(seq))
    _list(folder, _base(1), _incr(1), _incr(3))
    (folder / INCR.format(2)).unlink()


def _empty_the_base_under_a_cut_manifest(folder: Path) -> None:
    (folder / BASE.format(1)).write_bytes(b"")
    _list(folder, _base(1))


def _lose_all_but_the_note(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()
    (folder / CLOSED_AT).touch()


def _lose_the_manifest_of_a_large_base(folder: Path) -> None:
    _begin_first_start(folder)
    (folder / BASE.format(1)).write_bytes(bytes(257))


DAMAGED: Final[Mapping[str, Callable[[Path], object]]] = {
    "manifest-empty": lambda folder: _list(folder, ""),
    "manifest-zeros": lambda folder: _list(folder, "\0" * 90),
    "manifest-cut": _cut_manifest,
    "manifest-without-its-end": lambda folder: _list(folder, _base(1), _incr(1).rstrip("\n")),
    "manifest-of-a-base-only": lambda folder: _list(folder, _base(1)),
    "manifest-of-no-base": lambda folder: _list(folder, _incr(1)),
    "manifest-of-two-bases": lambda folder: _list(folder, _base(1), _base(1), _incr(1)),
    "manifest-of-another-type": lambda folder: _list(folder, _base(1), _incr(1, "x")),
    "manifest-lost": lambda folder: (folder / MANIFEST).unlink(),
    "manifest-of-a-large-base-lost": _lose_the_manifest_of_a_large_base,
    "all-lost-but-the-note": _lose_all_but_the_note,
    "end-of-a-rewritten-log-not-listed": _lose_the_end_of_a_rewritten_log,
    "newest-incr-not-listed": _lose_the_newest_line,
    "older-incr-not-listed": _lose_an_older_line,
    "incr-between-lost": _lose_a_line_between,
    "incr-of-later": lambda folder: (folder / INCR.format(3)).touch(),
    "base-of-later": lambda folder: shutil.copy(folder / BASE.format(1), folder / BASE.format(3)),
    "old-name-not-listed": lambda folder: (folder / "appendonly.aof").touch(),
    "newest-incr-missing": lambda folder: (folder / INCR.format(1)).unlink(),
    "base-missing": lambda folder: (folder / BASE.format(1)).unlink(),
    "base-empty": lambda folder: (folder / BASE.format(1)).write_bytes(b""),
    "base-empty-under-a-cut-manifest": _empty_the_base_under_a_cut_manifest,
}
"""Redis would start with less than was acknowledged, or say nothing about it."""
