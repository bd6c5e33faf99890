"""Recorded videos, creators and events: NDJSON files, perhaps gzipped, read line by line."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import msgspec

from api.replay.records import TimedRecord
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
    """Read videos; each is registered when it was posted.

    Raises:
        InvalidInputError: the file cannot be read, or a line does not say when its video was posted.
    """
    rule = "a video with its video_id and posted_at"
    return _read_targets("--videos", path, lambda line: _VIDEO(line).posted_at, rule)


def read_creators(path: Path) -> list[TimedRecord]:
    """Read creators; each is registered when the counting starts.

    Raises:
        InvalidInputError: the file cannot be read, or a line does not say from when its creator is counted.
    """
    rule = "a creator with its creator_id and counted_from"
    return _read_targets("--creators", path, lambda line: _CREATOR(line).counted_from, rule)


def _read_targets(option: str, path: Path, start_of: Callable[[bytes], str], rule: str) -> list[TimedRecord]:
    targets = []
    for number, line in enumerate(recorded_lines(option, path), start=1):
        try:
            targets.append(TimedRecord(parse_timestamp_ms(start_of(line)), line))
        except ValueError as error:  # msgspec's errors are ValueErrors
            raise InvalidInputError(f"{path}, line {number}", str(error), rule) from error
    return targets


def video_id_of(video: TimedRecord) -> str:
    """The id of a video that `read_videos` read."""
    return _VIDEO(video.line).video_id


def creator_id_of(creator: TimedRecord) -> str:
    """The id of a creator that `read_creators` read."""
    return _CREATOR(creator.line).creator_id


def read_events(path: Path, clock: Clock) -> Iterator[TimedRecord]:
    """Read events; each arrives when it occurred.

    What is no event, or claims to come from the future, moves no clock: it arrives with the line before it,
    for the intake to refuse.

    Args:
        path: the file.
        clock: the real one: history ends now.

    Raises:
        InvalidInputError: the file cannot be read.
    """
    at_ms = 0
    for line in recorded_lines("--events", path):
        try:
            occurred_at_ms = parse_timestamp_ms(_EVENT(line).occurred_at)
        except ValueError:
            occurred_at_ms = at_ms
        if occurred_at_ms <= clock():
            at_ms = occurred_at_ms
        yield TimedRecord(at_ms, line)


def count_lines(path: Path) -> int:
    """Number of lines that hold something.

    Raises:
        InvalidInputError: the file cannot be read.
    """
    return sum(1 for _ in recorded_lines("--events", path))


def recorded_lines(option: str, path: Path) -> Iterator[bytes]:
    """The lines of a file that hold something.

    Raises:
        InvalidInputError: it cannot be read; `option` is named.
    """
    try:
        with _opened(path) as file:
            for line in file:
                if text := line.strip():
                    yield text
    except (OSError, EOFError) as error:  # a damaged gzip file raises either
        fault = f"cannot read {path} ({getattr(error, 'strerror', None) or error})"
        raise InvalidInputError(option, fault, "a readable .ndjson or .ndjson.gz file") from error


def _opened(path: Path) -> IO[bytes] | gzip.GzipFile:
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")
