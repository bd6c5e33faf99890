"""Reads recorded videos, creators and events from NDJSON files, which may be gzipped."""

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from api.replay.records import TimedRecord
from api.runtime import file_lines
from privacy.errors import InvalidInputError
from privacy.model.timestamp import Clock, parse_timestamp_ms


class _RecordedVideo(msgspec.Struct):
    video_id: str
    posted_at: str


class _RecordedCreator(msgspec.Struct):
    creator_id: str
    counted_from: str


class _RecordedEvent(msgspec.Struct):
    occurred_at: str


_VIDEO = msgspec.json.Decoder(_RecordedVideo).decode
_CREATOR = msgspec.json.Decoder(_RecordedCreator).decode
_EVENT = msgspec.json.Decoder(_RecordedEvent).decode


def read_videos(path: Path) -> list[TimedRecord]:
    """Reads videos; each is registered when it was posted.

    Raises:
        InvalidInputError: the file cannot be read, or a line has no valid `posted_at`.
    """
    rule = "a video with its video_id and posted_at"
    return _read_targets("--videos", path, lambda line: _VIDEO(line).posted_at, rule)


def read_creators(path: Path) -> list[TimedRecord]:
    """Reads creators; each is registered when counting starts.

    Raises:
        InvalidInputError: the file cannot be read, or a line has no valid `counted_from`.
    """
    rule = "a creator with its creator_id and counted_from"
    return _read_targets("--creators", path, lambda line: _CREATOR(line).counted_from, rule)


def _read_targets(option: str, path: Path, start_of: Callable[[bytes], str], rule: str) -> list[TimedRecord]:
    targets = []
    for number, line in number_lines(option, path):
        try:
            targets.append(TimedRecord(parse_timestamp_ms(start_of(line)), line))
        except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
            raise InvalidInputError(f"{path}, line {number}", str(error), rule) from error
    return targets


def parse_video_id(video: TimedRecord) -> str:
    """Returns the id of a video that `read_videos` read."""
    return _VIDEO(video.line).video_id


def parse_creator_id(creator: TimedRecord) -> str:
    """Returns the id of a creator that `read_creators` read."""
    return _CREATOR(creator.line).creator_id


def read_events(path: Path, clock: Clock) -> Iterator[TimedRecord]:
    """Reads events; each arrives when it occurred.

    A line that is not an event, or whose time is in the future, arrives together with the previous line, and
    the intake refuses it.

    Args:
        path: the file.
        clock: the real clock; a history ends now.

    Raises:
        InvalidInputError: the file cannot be read.
    """
    at_ms = 0
    for line in read_lines("--events", path):
        try:
            occurred_at_ms = parse_timestamp_ms(_EVENT(line).occurred_at)
        except (ValueError, RecursionError):
            occurred_at_ms = at_ms
        if occurred_at_ms <= clock():
            at_ms = occurred_at_ms
        yield TimedRecord(at_ms, line)


def count_lines(path: Path) -> int:
    """Counts the lines that are not blank.

    Raises:
        InvalidInputError: the file cannot be read.
    """
    return sum(1 for _ in read_lines("--events", path))


def read_lines(option: str, path: Path) -> Iterator[bytes]:
    """Reads the lines of a file that are not blank.

    Raises:
        InvalidInputError: the file cannot be read; the error names `option`.
    """
    return (line for _, line in number_lines(option, path))


def number_lines(option: str, path: Path) -> Iterator[tuple[int, bytes]]:
    """Reads the lines of a file that are not blank, each with its number in the file, from 1.

    Raises:
        InvalidInputError: as `read_lines`.
    """
    for number, line in enumerate(
        file_lines.read_lines(option, path, "a readable .ndjson or .ndjson.gz file"), 1
    ):
        if text := line.strip():
            yield number, text
