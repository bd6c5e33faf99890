"""The lines of the list of erasures, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

LONGEST_LINE_BYTES: Final = 128
_FIRST_WORD: Final = "likewise-erasures"


class Listed(NamedTuple):
    """An erasure in the list.

    Args:
        number: counts erasures of the store, from 1.
        at_ms: when it was.
        closed_until_ms: until when nothing of the account is taken in.
        shard: of the account.
        tombstone: what stays of it.
    """

    number: int
    at_ms: int
    closed_until_ms: int
    shard: int
    tombstone: bytes


class First(NamedTuple):
    """What the first line says.

    Args:
        store_id: of the store whose erasures these are.
        before: number of the last erasure that is not in the list any more.
    """

    store_id: str
    before: int


def text_of(first: First, listed: Sequence[Listed]) -> str:
    """The whole list."""
    return f"{_FIRST_WORD} {first.store_id} {first.before}\n" + "".join(map(line_of, listed))


def line_of(erasure: Listed) -> str:
    """One line."""
    *numbers, tombstone = erasure
    return " ".join([*map(str, numbers), bytes(tombstone).hex()]) + "\n"


def first_of(line: str) -> First:
    """Read the first line.

    Raises:
        ValueError: it is none.
    """
    word, store_id, before = line.split(" ")
    if word != _FIRST_WORD:
        raise ValueError(line)
    return First(store_id, _number(before))


def listed_of(line: str) -> Listed:
    """Read any other line.

    Raises:
        ValueError: it is none.
    """
    number, at_ms, closed_until_ms, shard, tombstone = line.split(" ")
    return Listed(
        _number(number), _number(at_ms), _number(closed_until_ms), _number(shard), bytes.fromhex(tombstone)
    )


def number_of(line: str) -> int:
    """Number of the last erasure up to a line, which may be the first one.

    Raises:
        ValueError: it is neither.
    """
    return first_of(line).before if line.startswith(_FIRST_WORD) else listed_of(line).number


def _number(text: str) -> int:
    if text.isascii() and text.isdigit():
        return int(text)
    raise ValueError(text)
