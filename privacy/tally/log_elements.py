"""The log of a series: a list of elements, each a second of intake and the changes taken in within it.

An element is the second since 1970 UTC, then the changes, all as integers of 4 bytes. A log never meets the
limit of a string, and what a release has counted is dropped from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, pairwise
from typing import Final, NamedTuple

import msgspec
import numpy as np
from redis import Redis

from privacy.model.engagement import KINDS_PER_TARGET

OUTBOX_CHANGE: Final = np.dtype([("series", "<u8"), ("change", "<u4")])
"""A change as the vault writes it to an outbox."""
MAX_ELEMENT_BYTES: Final = 65_536
MAX_ELEMENTS_PER_READ: Final = 65_536
"""Elements in one round trip: the server does nothing else meanwhile."""
_WORD: Final = np.dtype("<u4")
_MAX_CHANGES_PER_ELEMENT: Final = MAX_ELEMENT_BYTES // _WORD.itemsize - 1
_PACK: Final = msgspec.msgpack.Encoder().encode


class PackedElements(NamedTuple):
    """The elements for one target shard, as `apply.lua` reads them.

    Args:
        series: the series of each element, as text, a MessagePack array.
        sizes: bytes of each element, a MessagePack array.
        elements: the elements, one after the other.
    """

    series: bytes
    sizes: bytes
    elements: bytes

    @property
    def size_bytes(self) -> int:
        """Bytes of all parts."""
        return sum(map(len, self))


def pack_elements(changes: np.ndarray, seconds: np.ndarray, target_shards: int) -> list[PackedElements]:
    """Pack the changes of each target shard.

    Args:
        changes: of the type `OUTBOX_CHANGE`.
        seconds: the second in which each was taken in, shape (changes,).
        target_shards: number of target shards of the store.
    """
    shard_of = (changes["series"] // KINDS_PER_TARGET % target_shards).astype(np.uint16)
    order = np.lexsort((seconds, changes["series"], shard_of))  # stable
    ends = np.cumsum(np.bincount(shard_of, minlength=target_shards)).tolist()
    return [
        _pack(changes[order[start:end]], seconds[order[start:end]]) for start, end in pairwise([0, *ends])
    ]


class LogCut(NamedTuple):
    """The part of a log that a release counts.

    Args:
        changes: 4 bytes each.
        places: where these changes lie, as `commit.lua` reads it, a MessagePack array: the length of the log,
            then the first and last index of each run of elements.
    """

    changes: bytes
    places: bytes


def cut_logs(end_seconds: Sequence[int], logs: Sequence[Sequence[bytes]]) -> list[LogCut]:
    """Cut logs at the ends of their epochs.

    Elements are in the order of their arrival: where one outbox was behind the others, earlier seconds stand
    behind later ones.

    Args:
        end_seconds: the end of the epoch of each log, in seconds since 1970 UTC.
        logs: the elements of each.
    """
    counts = list(map(len, logs))
    words = np.frombuffer(b"".join(chain.from_iterable(logs)), _WORD)
    sizes = np.fromiter(map(len, chain.from_iterable(logs)), np.intp, sum(counts)) // _WORD.itemsize
    heads = np.cumsum(sizes) - sizes
    is_counted = words[heads] < np.repeat(np.asarray(end_seconds), counts)
    is_change = np.repeat(is_counted, sizes)
    is_change[heads] = False
    changes = words[is_change].tobytes()
    # The bounds of each log among all elements, among the counted ones, and among the bytes of their changes.
    of_elements = _add_up(np.array(counts, np.intp))
    of_counted = _add_up(is_counted)[of_elements]
    of_bytes = _add_up(np.where(is_counted, sizes - 1, 0))[of_elements] * _WORD.itemsize
    cuts = []
    for (first, last), (first_counted, last_counted), (start, end) in zip(
        *(pairwise(bounds.tolist()) for bounds in (of_elements, of_counted, of_bytes)), strict=True
    ):
        length = last - first
        is_whole = 0 < length == last_counted - first_counted  # as nearly always
        runs = [0, length - 1] if is_whole else _find_runs(is_counted[first:last])
        cuts.append(LogCut(changes[start:end], _PACK([length, *runs])))
    return cuts


def _add_up(numbers: np.ndarray) -> np.ndarray:
    """Return for each place the sum of the numbers before it, and at the end the sum of all."""
    return np.concatenate([[0], np.cumsum(numbers, dtype=np.intp)])


def _find_runs(is_counted: np.ndarray) -> list[int]:
    """Return the first and last place of each run of counted elements, one after the other."""
    # Runs begin where an element is counted and the one before is not, and end the other way round.
    edges = np.flatnonzero(np.diff(is_counted, prepend=False, append=False)).reshape(-1, 2) - [0, 1]
    return list(map(int, edges.ravel()))


def read_logs(client: Redis, lengths: Mapping[str, int]) -> dict[str, list[bytes]]:
    """Return the elements of logs, a bounded number in each round trip. Wrap it in `translated()`.

    Args:
        client: must have an ACL user that may read them.
        lengths: by key, how many elements of a log are read.
    """
    logs: dict[str, list[bytes]] = {key: [] for key in lengths}
    for pages in _divide(lengths):
        pipeline = client.pipeline(transaction=False)
        for key, start, stop in pages:
            pipeline.lrange(key, start, stop - 1)
        for (key, _, _), elements in zip(pages, pipeline.execute(), strict=True):
            logs[key] += elements
    return logs


def _divide(lengths: Mapping[str, int]) -> Iterator[list[tuple[str, int, int]]]:
    """Divide logs into pages (key, first place, place after the last), and these into round trips."""
    pages: list[tuple[str, int, int]] = []
    room = MAX_ELEMENTS_PER_READ
    for key, length in lengths.items():
        start = 0
        while start < length:
            stop = min(length, start + room)
            pages.append((key, start, stop))
            start, room = stop, room - (stop - start)
            if not room:
                yield pages
                pages, room = [], MAX_ELEMENTS_PER_READ
    if pages:
        yield pages


def _pack(changes: np.ndarray, seconds: np.ndarray) -> PackedElements:
    starts = _element_starts(changes["series"], seconds)
    counts = np.diff(starts, append=len(changes))
    words = np.empty(len(changes) + len(starts), _WORD)
    is_head = np.zeros(len(words), np.bool_)
    is_head[starts + np.arange(len(starts))] = True
    words[is_head], words[~is_head] = seconds[starts], changes["change"]
    return PackedElements(
        msgspec.msgpack.encode(list(map(str, changes["series"][starts].tolist()))),
        msgspec.msgpack.encode((_WORD.itemsize * (counts + 1)).tolist()),
        words.tobytes(),
    )


def _element_starts(series: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    """Return the index of the first change of each element."""
    is_start = np.ones(len(series), np.bool_)
    is_start[1:] = (series[1:] != series[:-1]) | (seconds[1:] != seconds[:-1])
    runs = np.flatnonzero(is_start)
    position = np.arange(len(series)) - np.repeat(runs, np.diff(runs, append=len(series)))
    return np.flatnonzero(position % _MAX_CHANGES_PER_ELEMENT == 0)
