"""The file that does not let requests wait."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from threading import Event

from api.http.logs import BufferedLogFile


class Watched(io.BytesIO):
    """Tells when something was written."""

    def __init__(self) -> None:
        super().__init__()
        self.flushed = Event()

    def flush(self) -> None:
        """Tell."""
        self.flushed.set()


def test_lines_are_written_without_being_asked_for() -> None:
    """A line reaches the file by itself, and not while the one who wrote it waits."""
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
