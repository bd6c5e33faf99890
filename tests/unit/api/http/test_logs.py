"""Log lines."""

import io
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import msgspec

from api.http.logs import BufferedLogFile, JsonLog
from privacy.errors import StoreBusyError
from tests.support.eventually import eventually


def test_a_defect_is_logged_without_its_message() -> None:
    """A defect's line has its type and location; its message, which may quote input, is left out."""
    file = io.BytesIO()

    def fail() -> None:
        raise KeyError("account-17")

    try:
        fail()
    except KeyError as error:
        JsonLog(file, "platform").failed("post_events", error)
    line = msgspec.json.decode(file.getvalue())
    assert (line["event"], line["operation"], line["error"]) == ("failed", "post_events", "KeyError")
    assert line["frames"][-1].endswith(" fail")
    assert b"account-17" not in file.getvalue()


def test_a_store_error_is_logged_with_its_message() -> None:
    """A store's error is logged with its message, which names no host, key or person."""
    file = io.BytesIO()
    JsonLog(file, "public").failed("get_likes", StoreBusyError("the store is full"))
    line = msgspec.json.decode(file.getvalue())
    assert (line["level"], line["error"], line["reason"]) == ("error", "StoreBusyError", "the store is full")


def test_lines_are_whole() -> None:
    """Each answer is one line of JSON with UTC time, plane, operation, status and milliseconds."""
    file = io.BytesIO()
    log = JsonLog(file, "public")
    for status in (200, 404):
        log.answered("get_likes", status, 0.01234)
    lines = [msgspec.json.decode(line) for line in file.getvalue().splitlines()]
    assert [line["status"] for line in lines] == [200, 404]
    assert {(line["plane"], line["operation"], line["milliseconds"]) for line in lines} == {
        ("public", "get_likes", 12.34)
    }
    assert all(line["timestamp"].endswith("Z") for line in lines)


class Watched(io.BytesIO):
    """Sets an event when something was written."""

    def __init__(self) -> None:
        super().__init__()
        self.flushed = Event()

    def flush(self) -> None:
        """Tell."""
        self.flushed.set()


def test_lines_are_written_without_being_asked_for() -> None:
    """A line reaches the file without a call, and its writer does not wait."""
    file = Watched()
    patient = BufferedLogFile(file, interval_seconds=0.01)
    assert patient.write(b"a\n") == 2
    assert file.flushed.wait(10)
    assert file.getvalue() == b"a\n"


def test_no_line_is_lost_or_torn() -> None:
    """Lines of many threads all arrive whole, each thread's in their order."""
    file = io.BytesIO()
    patient = BufferedLogFile(file, interval_seconds=0.001)

    def write(thread: int) -> None:
        for turn in range(2000):
            patient.write(b"%d %d\n" % (thread, turn))

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(write, range(4)))
    patient.drain()
    lines = file.getvalue().decode().splitlines()
    for thread in range(4):
        own = [line for line in lines if line.startswith(f"{thread} ")]
        assert own == [f"{thread} {turn}" for turn in range(2000)]


class Breaking(io.BytesIO):
    """Fails while it is broken, and takes three bytes at a time."""

    broken = True

    def write(self, data: Any) -> int:
        """Fail, or write a part."""
        if self.broken:
            raise BrokenPipeError
        return super().write(data[:3])


def test_a_stream_that_breaks_is_written_to_again() -> None:
    """Lines that a reader who left did not take arrive when one is back, each once and whole."""
    file = Breaking()
    patient = BufferedLogFile(file, interval_seconds=0.001)
    patient.write(b"first\n")
    patient.drain()
    file.broken = False
    patient.write(b"second\n")
    eventually(lambda: file.getvalue() == b"first\nsecond\n", "both lines", 10)
