"""Text on its way to a terminal: what others wrote has no effect there, and broken streams do no harm."""

import io
import os
import re
import sys
from contextlib import suppress
from typing import Final, TextIO

import click

_HARMFUL: Final = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters, of which escape sequences are made
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # marks that turn the direction of text
    "\u2028\u2029\ufeff"  # line ends that only some programs see, and an invisible mark
    "\ud800-\udfff"  # halves of characters, and bytes of arguments that are not UTF-8
)
_IN_TEXT: Final = re.compile(f"[{_HARMFUL}]")
_IN_LINE: Final = re.compile(f"[\t\n{_HARMFUL}]")
_BYTES: Final = range(0xDC80, 0xDD00)
"""Python's stand-ins for bytes of arguments and file names that are not UTF-8."""


def make_harmless(text: str) -> str:
    """Returns text with control characters shown escaped, except line ends and tabs."""
    return _IN_TEXT.sub(lambda found: _escape(found[0]), text)


def make_line(text: str) -> str:
    """Returns text as one harmless line."""
    return _IN_LINE.sub(lambda found: _escape(found[0]), text)


def make_harmless_json(text: str) -> str:
    """Returns a JSON text with the same value, without any character that acts on a terminal."""
    return _IN_TEXT.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _escape(character: str) -> str:
    code = ord(character)
    if code in _BYTES:
        code -= _BYTES.start - 0x80
    return {"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(character) or (
        f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"  # noqa: PLR2004 - two hexadecimal digits
    )


def write(text: str) -> None:
    """Writes a result to stdout, as lines."""
    click.echo(make_harmless(text))


def echo(text: str) -> None:
    """Writes a line about the work to stderr; a full disk or a reader that left does not end the work."""
    with suppress(OSError):
        click.echo(make_harmless(text), err=True)


def writes_unicode() -> bool:
    """Returns whether stdout takes every character."""
    encoding = getattr(sys.stdout, "encoding", None) or "ascii"
    return encoding.lower().replace("-", "").startswith("utf")


def accept_any_text() -> None:
    """Lets stdout and stderr show what their encoding lacks as an escape, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def flush_output() -> None:
    """Writes what stdout still holds.

    Raises:
        OSError: it cannot be written.
    """
    if sys.stdout is not None:
        sys.stdout.flush()


def silence_broken_streams() -> None:
    """Points streams that cannot be written at the null device: Python flushes them again at its end."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            _silence(stream)


def _silence(stream: TextIO) -> None:
    with suppress(OSError, ValueError):  # a stream in memory has no descriptor
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
        stream.flush()
