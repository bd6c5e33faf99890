"""Lists as staff have them: JSON lines, CSV of a spreadsheet, or one id per line. Lines count from 1."""

import codecs
import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from privacy.errors import InvalidInputError

MAX_LIST_BYTES: Final = 96 * 1024 * 1024
_ARGUMENT: Final = "FILE"
_OTHER_FILES: Final = (
    (b"\x1f\x8b", "is a gzip file", "gunzip it first"),
    (b"PK\x03\x04", "is a spreadsheet or a zip file", "export it as CSV"),
    (b"\xd0\xcf\x11\xe0", "is a spreadsheet", "export it as CSV"),
    (codecs.BOM_UTF32_LE, "is UTF-32", "save it as UTF-8"),  # begins with the mark of UTF-16
    (codecs.BOM_UTF32_BE, "is UTF-32", "save it as UTF-8"),
    (codecs.BOM_UTF16_LE, "is UTF-16, as PowerShell writes it", "UTF-8: `| Out-File -Encoding utf8`"),
    (codecs.BOM_UTF16_BE, "is UTF-16", "save it as UTF-8"),
)
_DELIMITERS: Final = ",;\t"
_ROUNDED: Final = re.compile(r"[0-9](?:[.,][0-9]+)?E\+[0-9]+")
_LINE_RULE: Final = "a JSON object, a CSV with names in its first line, or an id on each line"


class Row(NamedTuple):
    """An entry of a list.

    Args:
        line: its number in the file, from 1.
        members: its members by name.
    """

    line: int
    members: dict[str, Any]


def read_rows(file: Path, columns: Sequence[str]) -> list[Row]:
    """Reads a list.

    Args:
        file: in UTF-8, with or without a BOM.
        columns: names of members; a list of plain ids has the first one.

    Raises:
        InvalidInputError: the file is none of these, or a line of it is not; nothing of a line is repeated.
    """
    text = _read_text(file)
    lines = [line for line in enumerate(text.split("\n"), 1) if line[1].strip()]
    if not lines:
        raise InvalidInputError(_ARGUMENT, f"{file} is empty", _LINE_RULE)
    first = lines[0][1].lstrip()
    if first.startswith("["):
        raise InvalidInputError(_ARGUMENT, f"{file} is one JSON array", "one JSON object per line")
    if first.startswith("{"):
        return [Row(number, _parse_object(number, line)) for number, line in lines]
    return list(_parse_table(lines, columns))


def _read_text(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            raw = opened.read(MAX_LIST_BYTES + 1)
    except OSError as error:
        raise InvalidInputError(_ARGUMENT, f"cannot read {file} ({error.strerror})", "a file") from error
    if len(raw) > MAX_LIST_BYTES:
        fault = f"{file} has more than {MAX_LIST_BYTES // 1024**2} MiB"
        raise InvalidInputError(_ARGUMENT, fault, "several smaller lists")
    for start, fault, rule in _OTHER_FILES:
        if raw.startswith(start):
            raise InvalidInputError(_ARGUMENT, f"{file} {fault}", rule)
    if b"\x00" in raw:
        raise InvalidInputError(_ARGUMENT, f"{file} is no text, or UTF-16", "a text in UTF-8")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise InvalidInputError(f"line {line}", "is not UTF-8", "a text in UTF-8") from None


def _parse_object(number: int, line: str) -> dict[str, Any]:
    try:
        members = json.loads(line)
    except (ValueError, RecursionError):
        raise InvalidInputError(f"line {number}", "is not JSON", "one JSON object per line") from None
    if not isinstance(members, dict):
        raise InvalidInputError(f"line {number}", "is no object", "one JSON object per line")
    return members


def _parse_table(lines: Sequence[tuple[int, str]], columns: Sequence[str]) -> Iterator[Row]:
    """Parses a CSV whose first line names its columns, or plain ids."""
    delimiter = next((mark for mark in _DELIMITERS if mark in lines[0][1]), ",")
    names = [name.strip().lower() for name in _split(lines[0], delimiter)]
    named = [name for name in names if name in columns]
    if len(set(named)) < len(named):
        raise InvalidInputError("line 1", "names a column twice", "each column once")
    if not named:
        if any(mark in line for _, line in lines for mark in _DELIMITERS):
            rule = f"its first line to name the columns: {', '.join(columns)}"
            raise InvalidInputError("line 1", "names no column that is known", rule)
        names, named = [columns[0]], [columns[0]]
    else:
        lines = lines[1:]
    for line in lines:
        values = [value.strip() for value in _split(line, delimiter)]
        if len(values) != len(names):
            fault = f"has {len(values)} columns, and the first line {len(names)}"
            raise InvalidInputError(f"line {line[0]}", fault, "the same columns in each line")
        members = dict(zip(names, values, strict=True))
        yield Row(line[0], _keep(line[0], {name: members[name] for name in named}))


def _split(line: tuple[int, str], delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line[1].rstrip("\r")], delimiter=delimiter, strict=True))
    except (csv.Error, StopIteration):
        raise InvalidInputError(f"line {line[0]}", "is no line of a CSV", "quotes in pairs") from None


def _keep(line: int, members: dict[str, str]) -> dict[str, str]:
    """Returns the members that are not empty; a spreadsheet turns long numbers into others."""
    for name, value in members.items():
        if _ROUNDED.fullmatch(value):
            raise InvalidInputError(
                f"line {line}", f"has a {name} that a spreadsheet has rounded", "columns as text"
            )
    return {name: value for name, value in members.items() if value}


def check_members(rows: Iterable[Row], required: Sequence[str], optional: Sequence[str] = ()) -> list[Row]:
    """Checks that each row has exactly one of the required members, and else only optional ones.

    Raises:
        InvalidInputError: one has not; the message names its line.
    """
    checked = list(rows)
    for row in checked:
        if sum(name in row.members for name in required) != 1:
            raise InvalidInputError(
                f"line {row.line}", "names nothing, or two things", f"exactly one of {', '.join(required)}"
            )
        for name in row.members:
            if name not in required and name not in optional:
                rule = f"only {', '.join([*required, *optional])}"
                raise InvalidInputError(f"line {row.line}", "has a member that is not known", rule)
    return checked


def to_lines(rows: Iterable[Row]) -> bytes:
    """Returns rows as JSON lines."""
    text = io.BytesIO()
    for row in rows:
        text.write(json.dumps(row.members, separators=(",", ":")).encode() + b"\n")
    return text.getvalue()
