"""Decodes batches of events: like `EventSchema`, and much faster where the result is certain to be the same.

The schema is authoritative. The compiled decoder handles only bytes whose meaning is certain; everything
else, valid or not, goes to the schema. `tests/property/test_event_decoder.py` compares the two.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from itertools import chain
from types import MappingProxyType
from typing import Annotated, Final, NamedTuple

import msgspec
import numpy as np
from msgspec import UNSET, UnsetType

from api.http.arguments import load
from api.platform.batch import JSON_SPACE, Batch, check_size, parse_item
from api.platform.schemas import event_schema
from privacy.errors import InvalidInputError
from privacy.intake.event import CREATOR_EVENTS, Event, EventAttributes, EventType, Visibility
from privacy.intake.event_columns import EventColumns, factorize, type_column
from privacy.intake.profile_shape import USUAL_SHAPE, ProfileShape
from privacy.intake.taken import Taken
from privacy.model.identifier import IDENTIFIER_CHARACTERS, MAX_IDENTIFIER_CHARACTERS
from privacy.model.sandbox import TARGET_PREFIX
from privacy.model.timestamp import EPOCH, MS_PER_DAY, RFC_3339, TIMESTAMP_RULE, parse_timestamp_ms

MAX_CACHED_PROFILES = 100_000
"""Profiles that one process caches, about 40 MB."""
MAX_ODD_PROFILE_BYTES = 2_048
"""Of a profile with members that no policy declares; a longer one goes to the schema."""
MAX_DESCRIBED = 1_024
"""Combinations of names of which one process remembers how they were taken."""
_ALLOWED: Final = bytes(byte for byte in range(128) if re.fullmatch(IDENTIFIER_CHARACTERS, chr(byte)))
_DOT_LINES: Final = (b"\n.\n", b"\n..\n")
_LINE_IN_SANDBOX: Final = f"\n{TARGET_PREFIX}".encode()
_MAX_DOTS: Final = 2
"""An identifier of more characters is no dot segment of a path."""
_BACKSLASH: Final = b"\\"
_QUOTE: Final = b'"'
_QUOTES_PER_TEXT: Final = 2
"""Of a name, and of a value that is a string."""
_QUOTES_PER_MEMBER: Final = 4
"""Of a member with a string: two enclose its name, two its value."""
_IS_PRIVATE: Final[Mapping[Visibility | UnsetType, bool]] = MappingProxyType(
    {"public": False, "private": True, UNSET: False}
)
_Plain = str | bool | Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)] | float | None
"""A value of any meaning that `parse_json` takes, too."""
_ABSENT: Final = msgspec.Raw(b"")
_TIMESTAMPS: Final = re.compile(f"(?:{RFC_3339.pattern}\n)*+{RFC_3339.pattern}")
_ROW: Final = len("2026-05-03T14:07:31.250Z\n")
_DATE: Final = len("2026-05-03")
_MIDNIGHT: Final = "T00:00:00.000Z\n"
_MAX_STEPS: Final = np.frombuffer(b"0000-00-00T29:59:59.999Z\n", np.uint8) - np.frombuffer(
    b"0000-00-00T00:00:00.000Z\n", np.uint8
)
"""The maximum distance of each character from that of the preceding midnight."""
_MS_PER_STEP: Final = np.array([*[0] * 11, 36e6, 36e5, 0, 6e5, 6e4, 0, 1e4, 1e3, 0, 100, 10, 1, 0, 0])
"""The ms that one step of each character adds. Floats multiply faster, and are exact for sums of a day."""


class _WireEvent(msgspec.Struct, frozen=True, gc=False, kw_only=True, forbid_unknown_fields=True):
    """An event with its usual members as sent; an event with other members goes to the schema.

    An absent identifier is empty. No valid identifier is empty, so an empty one goes to the schema, too.
    """

    type: EventType
    account_id: str
    video_id: str = ""
    creator_id: str = ""
    occurred_at: str
    profile: msgspec.Raw = _ABSENT
    visibility: Visibility | UnsetType = UNSET


_STRING_MEMBERS: Final = len(_WireEvent.__struct_fields__) - 1
"""Number of members with strings: all but the profile."""


class _ProfileCache(NamedTuple):
    """Profiles by their text, and what was passed over of those that say more than policies declare."""

    profiles: dict[bytes, EventAttributes]
    passed_over: dict[bytes, tuple[Taken, ...]]


class EventDecoder:
    """Decodes batches of events. It is reused because its parts are compiled and it caches profiles.

    Many accounts share a profile, and a platform writes each profile in one way.

    Args:
        shape: the members of profiles that are read.
    """

    def __init__(self, shape: ProfileShape = USUAL_SHAPE) -> None:
        self.shape = shape
        self._ignored = shape.ignored
        self._profiles = self._empty_cache()
        self._schema = event_schema(shape)()
        self._decode_line = msgspec.json.Decoder(_WireEvent).decode
        self._decode_lines = msgspec.json.Decoder(_WireEvent).decode_lines
        self._decode_array = msgspec.json.Decoder(list[_WireEvent]).decode
        self._decode_profile = msgspec.json.Decoder(shape.attributes).decode
        self._describe = lru_cache(MAX_DESCRIBED)(shape.describe_undeclared)
        self._decode_members = msgspec.json.Decoder(dict[str, _Plain]).decode

    def decode(self, batch: Batch) -> EventColumns:
        """Decode a batch.

        Returns:
            An event or an error for each item.

        Raises:
            InvalidInputError: the batch as a whole cannot be split into items, or is empty.
            RequestEntityTooLarge: it has too many items.
        """
        events = self._decode_certain(batch.raw, self._read_lines if batch.is_ndjson else self._decode_array)
        if events is None:
            return EventColumns.from_events(self._decode_items(batch.items()))
        check_size(len(events))
        return events

    def decode_with_schema(self, item: bytes) -> Event | InvalidInputError:
        """Decode one item the slow way: strict JSON, then the schema."""
        try:
            event: Event = load(self._schema, parse_item(item, "event"))
        except InvalidInputError as error:
            return error
        return event

    def _decode_items(self, items: Sequence[bytes]) -> list[Event | InvalidInputError]:
        """Decode items together where that is certain, and otherwise each half: few are ever invalid."""
        single = len(items) == 1
        raw = b"\n".join([item.strip(JSON_SPACE) for item in items])
        events = self._decode_certain(raw, self._read_one if single else self._read_lines)
        if events is not None:
            return events.to_events()
        if single:
            return [self.decode_with_schema(items[0])]
        half = len(items) // 2
        return [*self._decode_items(items[:half]), *self._decode_items(items[half:])]

    def _read_one(self, raw: bytes) -> list[_WireEvent]:
        return [self._decode_line(raw)]

    def _read_lines(self, raw: bytes) -> list[_WireEvent]:
        """Decode NDJSON in its plainest form: one event per line with nothing around it.

        `decode_lines` alone would also accept an event across several lines, and several events on one line.
        """
        events = self._decode_lines(raw)
        text = np.frombuffer(raw, np.uint8)
        breaks = 1 + np.flatnonzero(text[1:-1] == ord("\n"))
        between = (text[breaks - 1] == ord("}")) & (text[breaks + 1] == ord("{"))
        if len(breaks) != len(events) - 1 or not between.all():
            raise msgspec.DecodeError("not one event per line")
        return events

    def _decode_certain(self, raw: bytes, read: Callable[[bytes], list[_WireEvent]]) -> EventColumns | None:
        """Return the events that the schema would load from these bytes; None where that is not certain."""
        if _BACKSLASH in raw:
            return None
        try:
            wire = read(raw)
            if not wire:
                return None
            at_ms = parse_timestamps_ms([event.occurred_at for event in wire])
            # No text contains a backslash.
            texts, text_index = factorize(
                _BACKSLASH.join([event.profile for event in wire]).split(_BACKSLASH)
            )
            profiles, passed_over = self._read_profiles(texts)
        except (ValueError, RecursionError):  # msgspec's errors are ValueErrors, as is invalid UTF-8
            return None
        types, account_ids = [event.type for event in wire], [event.account_id for event in wire]
        videos, creators = [event.video_id for event in wire], [event.creator_id for event in wire]
        visibilities = [event.visibility for event in wire]
        # If a name is repeated, the decoder keeps the last value. Without backslashes every quote encloses a
        # string, so a repeated name leaves more quotes than the decoded events have.
        absent = videos.count("") + creators.count("") + visibilities.count(UNSET)
        quotes = _QUOTES_PER_MEMBER * (_STRING_MEMBERS * len(wire) - absent)
        quotes += int(_count_quotes(texts)[text_index].sum())
        if np.count_nonzero(np.frombuffer(raw, np.uint8) == ord(_QUOTE)) != quotes:
            return None
        of_creators = any(creators) or not CREATOR_EVENTS.isdisjoint(types)
        target_ids = [_target_id(event) for event in wire] if of_creators else videos
        if not are_public_ids(account_ids, target_ids):
            return None
        private = np.frombuffer(bytes(map(_IS_PRIVATE.__getitem__, visibilities)), np.bool_)
        columns = EventColumns(
            type_column(types), account_ids, target_ids, at_ms, profiles, text_index, private
        )
        return replace(columns, taken=_by_row(passed_over, text_index)) if passed_over else columns

    def _read_profiles(
        self, texts: Sequence[bytes]
    ) -> tuple[list[EventAttributes], dict[int, tuple[Taken, ...]]]:
        """Return the profiles with these texts, and what was passed over, by the index of the text.

        Raises:
            ValueError: one is not a profile, or its meaning is not certain.
        """
        cached = self._profiles
        if max(len(cached.profiles), len(cached.passed_over)) + len(texts) > MAX_CACHED_PROFILES:
            # Replaced and not cleared, since another thread may be reading the old ones.
            cached = self._profiles = self._empty_cache()
        profiles, odd = cached
        profiles |= {text: self._read_profile(text, odd) for text in texts if text not in profiles}
        passed_over = {index: odd[text] for index, text in enumerate(texts) if text in odd} if odd else {}
        return [profiles[text] for text in texts], passed_over

    def _read_profile(self, text: bytes, passed_over: dict[bytes, tuple[Taken, ...]]) -> EventAttributes:
        """Return a profile; what no policy declares is added to what was passed over."""
        try:
            profile = self._decode_profile(text)
        except msgspec.ValidationError:
            return self._read_odd_profile(text, passed_over)
        values = [value for value in msgspec.structs.astuple(profile) if value is not UNSET]
        nulls = values.count(None)
        if text.count(_QUOTE) != _QUOTES_PER_MEMBER * len(values) - _QUOTES_PER_TEXT * nulls:
            raise ValueError("a name is repeated")
        if self._ignored:
            sent = tuple(name for name in self._ignored if getattr(profile, name) is not UNSET)
            if sent:
                passed_over[text] = self._describe(sent)
        return profile

    def _read_odd_profile(self, text: bytes, passed_over: dict[bytes, tuple[Taken, ...]]) -> EventAttributes:
        """Return a profile with members that no policy declares, if they are plain."""
        if len(text) > MAX_ODD_PROFILE_BYTES:
            raise ValueError("it is too long to be kept")
        members = self._decode_members(text)
        texts = len(members) + sum(isinstance(value, str) for value in members.values())
        if text.count(_QUOTE) != _QUOTES_PER_TEXT * texts:
            raise ValueError("a name is repeated")
        attributes = self.shape.attributes
        read = {name: members[name] for name in attributes.__struct_fields__ if name in members}
        profile = msgspec.convert(read, attributes)
        passed_over[text] = self._describe(tuple(members))
        return profile

    def _empty_cache(self) -> _ProfileCache:
        """Return the profiles that need no decoding: the absent one, and null."""
        absent = self.shape.attributes()
        return _ProfileCache({b"": absent, b"null": absent}, {})


def _by_row(passed_over: Mapping[int, tuple[Taken, ...]], index: np.ndarray) -> dict[int, tuple[Taken, ...]]:
    """Return what was passed over by row."""
    return {row: passed_over[text] for row, text in enumerate(index.tolist()) if text in passed_over}


def _count_quotes(profiles: Sequence[bytes]) -> np.ndarray:
    """Return the number of quotes of each profile, including those of the member's name."""
    return np.array([text.count(_QUOTE) + _QUOTES_PER_TEXT * bool(text) for text in profiles])


def _target_id(event: _WireEvent) -> str:
    """Return the target of an event; empty unless it names exactly the one that its type requires."""
    wanted, other = event.video_id, event.creator_id
    if event.type in CREATOR_EVENTS:
        wanted, other = other, wanted
    return "" if other else wanted


def are_public_ids(*columns: Sequence[str]) -> bool:
    """Return whether all texts are identifiers, and none is the sandbox's."""
    joined = "\n".join(["", *chain.from_iterable(columns), ""]).encode(errors="replace")
    joints = sum(map(len, columns)) + 1
    if joined.translate(None, _ALLOWED) != b"\n" * joints or _LINE_IN_SANDBOX in joined:
        return False
    # There are as many line breaks as joints, so no text contains one, and each is between two texts.
    breaks = np.flatnonzero(np.frombuffer(joined, np.uint8) == ord("\n"))
    lengths = np.diff(breaks) - 1
    if not ((lengths > 0) & (lengths <= MAX_IDENTIFIER_CHARACTERS)).all():
        return False
    return lengths.min(initial=MAX_IDENTIFIER_CHARACTERS) > _MAX_DOTS or not any(
        line in joined for line in _DOT_LINES
    )


def parse_timestamps_ms(texts: Sequence[str]) -> np.ndarray:
    """Parse times like `parse_timestamp_ms`, and much faster if all are on one UTC day.

    Returns:
        64-bit integers: ms since 1970 UTC.

    Raises:
        ValueError: one of them is not a valid time.
    """
    same_day = _parse_same_day_ms(texts)
    if same_day is not None:
        return same_day
    joined = "\n".join(texts)
    rows = joined.upper().split("\n") if texts else []
    # A text that contains a line break would match as two times.
    if texts and not (_TIMESTAMPS.fullmatch(joined) and len(rows) == len(texts)):
        raise ValueError(f"are not all times; {TIMESTAMP_RULE}")
    try:
        since = [moment - EPOCH for moment in map(datetime.fromisoformat, rows)]
    except ValueError:  # one of them is a leap second, or is not in the calendar
        return np.array([parse_timestamp_ms(text) for text in texts], np.int64)
    return np.array(
        [span.days * MS_PER_DAY + span.seconds * 1000 + span.microseconds // 1000 for span in since],
        np.int64,
    )


def _parse_same_day_ms(texts: Sequence[str]) -> np.ndarray | None:
    """Parse times of one UTC day with a precision of 1 s or 1 ms; None where that is not certain."""
    rows = [text if len(text) == _ROW - 1 else f"{text[:-1]}.000{text[-1:]}" for text in texts]
    joined = "\n".join([*rows, ""])
    if not texts or not joined.isascii() or len(joined) != len(texts) * _ROW:
        return None
    date = joined[:_DATE]
    midnight = np.frombuffer(f"{date}{_MIDNIGHT}".encode(), np.uint8)
    # Each row ends with its only line break, so it is one text: there are no more breaks than texts.
    steps = np.frombuffer(joined.encode(), np.uint8).reshape(len(texts), _ROW) - midnight  # wraps below 0
    if (steps > _MAX_STEPS).any():
        return None
    of_day_ms = (steps @ _MS_PER_STEP).astype(np.int64)
    try:
        midnight_ms = parse_timestamp_ms(f"{date}T00:00:00Z")
    except ValueError:
        return None
    return None if of_day_ms.max() >= MS_PER_DAY else of_day_ms + midnight_ms
