"""Recorded videos and events, read from files."""

import gzip
from pathlib import Path

import pytest

from api.replay.recording import count_lines, parse_video_id, read_events, read_videos
from api.replay.records import TimedRecord
from privacy.errors import InvalidInputError
from privacy.model.timestamp import parse_timestamp_ms

NOW_MS = parse_timestamp_ms("2026-05-03T00:00:00Z")
FIRST, SECOND = "2026-05-01T00:00:00Z", "2026-05-02T00:00:00Z"


def event(occurred_at: str) -> bytes:
    """Return one line of a recording."""
    return b'{"type":"like","occurred_at":"%s"}' % occurred_at.encode()


def now_ms() -> int:
    """The real clock of these tests."""
    return NOW_MS


def test_plain_and_gzipped_files_are_the_same_recording(tmp_path: Path) -> None:
    """A file that ends in .gz is inflated; blank lines are passed over in either."""
    content = event(FIRST) + b"\n\n" + event(SECOND) + b"\n"
    plain, gzipped = tmp_path / "e.ndjson", tmp_path / "e.ndjson.gz"
    plain.write_bytes(content)
    gzipped.write_bytes(gzip.compress(content))
    expected = [TimedRecord(parse_timestamp_ms(at), event(at)) for at in (FIRST, SECOND)]
    assert list(read_events(plain, now_ms)) == list(read_events(gzipped, now_ms)) == expected
    assert count_lines(gzipped) == 2


@pytest.mark.parametrize(
    "line", [b"not json", b"{}", event("yesterday"), event("2026-05-04T00:00:00Z"), b'{"occurred_at":3}']
)
def test_what_is_no_event_of_the_past_moves_no_clock(tmp_path: Path, line: bytes) -> None:
    """A damaged line and one from the future arrive with the line before, for the intake to refuse."""
    path = tmp_path / "e.ndjson"
    path.write_bytes(b"\n".join([event(SECOND), line, event(FIRST)]))
    times = [moment.at_ms for moment in read_events(path, now_ms)]
    assert times == [parse_timestamp_ms(SECOND)] * 2 + [parse_timestamp_ms(FIRST)]


def test_a_video_is_registered_when_it_was_posted(tmp_path: Path) -> None:
    """Each video's moment is its posted_at, and its id can be read back."""
    path = tmp_path / "v.ndjson"
    path.write_text(f'{{"video_id":"v-1","posted_at":"{FIRST}","title":"t"}}\n')
    (video,) = read_videos(path)
    assert video.at_ms == parse_timestamp_ms(FIRST)
    assert parse_video_id(video) == "v-1"


def test_a_video_without_a_time_is_an_error_that_names_its_line(tmp_path: Path) -> None:
    """A recording of videos that cannot be told is refused as a whole: their events would all be unknown."""
    path = tmp_path / "v.ndjson"
    path.write_text(f'\ufeff{{"video_id":"v-1","posted_at":"{FIRST}"}}\n\n \n{{"video_id":"v-2"}}\n')
    with pytest.raises(InvalidInputError, match="line 4"):
        read_videos(path)


def test_a_damaged_gzip_file_is_a_readable_error(tmp_path: Path) -> None:
    """A file that ends early or is no gzip at all is said to be so."""
    whole = gzip.compress(event(FIRST) * 100)
    for name, content in (("short.gz", whole[:-20]), ("none.gz", b"plain text")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InvalidInputError, match="cannot be read"):
            list(read_events(tmp_path / name, now_ms))
