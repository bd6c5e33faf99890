"""Reads a file line by line, gzipped or not: lines are bounded, and an error names the file."""

import codecs
import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final, cast

from privacy.errors import InvalidInputError

MAX_LINE_BYTES: Final = 16 * 1024 * 1024


def iterate_lines(option: str, file: Path, raw: IO[bytes], expected: str) -> Iterator[bytes]:
    """Yields the lines of an open file with their ends, and without a byte order mark.

    It is inflated if its name ends in .gz.

    Args:
        option: what named the file, for messages.
        file: its path.
        raw: the open file.
        expected: describes a valid file.

    Raises:
        InvalidInputError: it cannot be read to its end, or a line is too long.
    """
    lines = cast("IO[bytes]", gzip.GzipFile(fileobj=raw)) if file.suffix == ".gz" else raw
    mark = codecs.BOM_UTF8
    try:
        while line := lines.readline(MAX_LINE_BYTES + 1).removeprefix(mark):
            mark = b""
            if len(line) > MAX_LINE_BYTES:
                fault = f"{file} has a line of more than {MAX_LINE_BYTES // 1024**2} MiB"
                raise InvalidInputError(option, fault, expected)
            yield line
    except (OSError, EOFError, zlib.error) as error:  # a damaged gzip file raises any of them
        reason = getattr(error, "strerror", None) or str(error)
        fault = f"{file} cannot be read to its end ({reason})"
        raise InvalidInputError(option, fault, expected) from error


def read_lines(option: str, file: Path, expected: str) -> Iterator[bytes]:
    """Yields the lines of a file, as `iterate_lines`.

    Raises:
        InvalidInputError: as `iterate_lines`, or it cannot be opened.
    """
    try:
        opened = file.open("rb")
    except OSError as error:
        raise InvalidInputError(option, f"cannot read {file} ({error.strerror})", expected) from error
    with opened:
        yield from iterate_lines(option, file, opened, expected)
