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
        file: in UTF-8, with or without a BOM; its lines end as on any system.
        columns: names of members; a list of plain ids has the first one.

    Raises:
        InvalidInputError: the file is none of these, or a line of it is not; nothing of a line is repeated.
    """
    text = _read_text(file)
    lines = [(number, line) for number, line in enumerate(_open(text), 1) if line.strip()]
    if not lines:
        raise InvalidInputError(_ARGUMENT, f"{file} is empty", _LINE_RULE)
    first = lines[0][1].lstrip()
    if first.startswith("["):
        raise InvalidInputError(_ARGUMENT, f"{file} is one JSON array", "one JSON object per line")
    if first.startswith("{"):
        return [Row(number, _parse_object(number, line)) for number, line in lines]
    return list(_parse_table(text, columns))


def _open(text: str) -> io.StringIO:
    """Opens a text whose lines end with LF, CR or both, as the module csv takes it."""
    return io.StringIO(text, newline="")


def _read_text(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            raw = opened.read(MAX_LIST_BYTES + 1)
    except OSError as error:
        raise InvalidInputError(_ARGUMENT, f"cannot read {file} ({error.strerror})", "a file") from error
    if len(raw) > MAX_LIST_BYTES:
        fault = f"{file} has more than {MAX_LIST_BYTES // 1024**2} MiB"
        raise InvalidInputError(_ARGUMENT, fault, "several smaller lists")
    refuse_other_files(file, raw)
    if b"\x00" in raw:
        raise InvalidInputError(_ARGUMENT, f"{file} is no text, or UTF-16", "a text in UTF-8")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = len((raw[: error.start] + b".").splitlines())
        raise InvalidInputError(f"line {line}", "is not UTF-8", "a text in UTF-8") from None


def refuse_other_files(file: Path, begin: bytes) -> None:
    """Refuses a file that is no text in UTF-8, by what it is.

    Args:
        file: its path.
        begin: its first bytes.

    Raises:
        InvalidInputError: it begins as another kind of file.
    """
    for start, fault, rule in _OTHER_FILES:
        if begin.startswith(start):
            raise InvalidInputError(_ARGUMENT, f"{file} {fault}", rule)


def _parse_object(number: int, line: str) -> dict[str, Any]:
    try:
        members = json.loads(line)
    except (ValueError, RecursionError):
        raise InvalidInputError(f"line {number}", "is not JSON", "one JSON object per line") from None
    if not isinstance(members, dict):
        raise InvalidInputError(f"line {number}", "is no object", "one JSON object per line")
    return members


def _parse_table(text: str, columns: Sequence[str]) -> Iterator[Row]:
    """Parses a CSV whose first line names its columns, or plain ids."""
    delimiter, names = _find_header(text, columns)
    records = _split(text, delimiter)
    if names:
        first, _ = next(records)
    elif any(mark in text for mark in _DELIMITERS):
        rule = f"its first line to name the columns: {', '.join(columns)}"
        raise InvalidInputError("line 1", "names no column that is known", rule)
    else:
        first, names = 1, [columns[0]]
    named = [name for name in names if name in columns]
    if len(set(named)) < len(named):
        raise InvalidInputError(f"line {first}", "names a column twice", "each column once")
    for line, values in records:
        if len(values) != len(names):
            fault = f"has {len(values)} columns, and line {first} has {len(names)}"
            raise InvalidInputError(f"line {line}", fault, "the same columns in each line")
        members = dict(zip(names, values, strict=True))
        yield Row(line, _keep(line, {name: members[name] for name in named}))


def _find_header(text: str, columns: Sequence[str]) -> tuple[str, list[str]]:
    """Returns the delimiter with which the first line names columns, and all names; no name for plain ids.

    Raises:
        InvalidInputError: the line is no line of a CSV, whatever the delimiter is.
    """
    faults = []
    for delimiter in _DELIMITERS:
        try:
            _, values = next(_split(text, delimiter), (1, []))
        except InvalidInputError as fault:
            faults.append(fault)
            continue
        names = [value.lower() for value in values]
        if not set(columns).isdisjoint(names):
            return delimiter, names
    if len(faults) == len(_DELIMITERS):
        raise faults[0]
    return _DELIMITERS[0], []


def _split(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yields the records of a CSV that are not blank, with the number of the line in which each begins."""
    reader = csv.reader(_open(text), delimiter=delimiter, strict=True)
    line = 1
    try:
        for values in reader:
            if any(map(str.strip, values)):
                yield line, [value.strip() for value in values]
            line = reader.line_num + 1
    except csv.Error as error:
        if "field limit" in str(error):  # the module has no other way to tell
            fault = f"begins a field of more than {csv.field_size_limit():,} characters"
            raise InvalidInputError(f"line {line}", fault, "shorter fields, and quotes in pairs") from None
        fault = "has a quote that is not closed, or text behind one that is"
        raise InvalidInputError(f"line {line}", fault, "quotes in pairs") from None


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
