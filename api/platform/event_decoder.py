"""Reads batches of events: as `EventSchema` does, and much faster where that is certain to give the same.

The schema decides. The compiled decoder answers only for bytes of which it is certain; everything else, valid
or not, goes to the schema. `tests/property/test_event_decoder.py` compares the two.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from types import MappingProxyType
from typing import Final

import msgspec
import numpy as np
from msgspec import UNSET, UnsetType

from api.http.arguments import load
from api.http.request_body import parse_json
from api.platform.batch import JSON_SPACE, Batch, check_size
from api.platform.schemas import EventSchema
from api.platform.timestamps import parse_timestamps_ms
from privacy.errors import InvalidInputError
from privacy.intake.event import CREATOR_EVENTS, Event, EventAttributes, EventType, Visibility
from privacy.intake.event_columns import EventColumns, factorize, type_column
from privacy.model.identifier import IDENTIFIER_PATTERN, MAX_IDENTIFIER_CHARACTERS
from privacy.model.sandbox import TARGET_PREFIX

_ALLOWED = bytes(byte for byte in range(128) if re.fullmatch(IDENTIFIER_PATTERN, chr(byte)))
_OF_THE_SANDBOX = f"\n{TARGET_PREFIX}".encode()


def are_public_ids(*columns: Sequence[str]) -> bool:
    """Whether all of these are identifiers, none of them the sandbox's."""
    joined = "\n".join(["", *chain.from_iterable(columns), ""]).encode(errors="replace")
    joints = sum(map(len, columns)) + 1
    if joined.translate(None, _ALLOWED) != b"\n" * joints or _OF_THE_SANDBOX in joined:
        return False
    # There are no more line breaks than joints, so no text holds one, and each lies between two.
    breaks = np.flatnonzero(np.frombuffer(joined, np.uint8) == ord("\n"))
    lengths = np.diff(breaks) - 1
    return bool(((lengths > 0) & (lengths <= MAX_IDENTIFIER_CHARACTERS)).all())


_BACKSLASH: Final = b"\\"
_QUOTE: Final = b'"'
_QUOTES_PER_NAME: Final = 2
_QUOTES_PER_MEMBER: Final = 4
"""Of a member that is text: two bound its name, two its value."""
_IS_PRIVATE: Final[Mapping[Visibility | UnsetType, bool]] = MappingProxyType(
    {"public": False, "private": True, UNSET: False}
)
_ABSENT: Final = msgspec.Raw(b"")


class _WireEvent(msgspec.Struct, frozen=True, gc=False, kw_only=True, forbid_unknown_fields=True):
    """An event as it is spelled on the wire, in its usual members; what has others goes to the schema.

    What is absent is empty: no identifier is, so one that is empty and not absent goes to the schema, too.
    """

    type: EventType
    account_id: str
    video_id: str = ""
    creator_id: str = ""
    occurred_at: str
    profile: msgspec.Raw = _ABSENT
    visibility: Visibility | UnsetType = UNSET


_MEMBERS: Final = len(_WireEvent.__struct_fields__) - 1
"""Those that are text: all but the profile."""


class EventDecoder:
    """Reads batches of events; made once because its parts are compiled, and remembers the texts of profiles.

    Many accounts share a profile, and a platform spells each of them in one way.
    """

    def __init__(self) -> None:
        self._profiles = _nothing_known()
        self._schema = EventSchema()
        self._decode_line = msgspec.json.Decoder(_WireEvent).decode
        self._decode_lines = msgspec.json.Decoder(_WireEvent).decode_lines
        self._decode_array = msgspec.json.Decoder(list[_WireEvent]).decode
        self._decode_profile = msgspec.json.Decoder(EventAttributes).decode

    def decode(self, batch: Batch) -> EventColumns:
        """Read a batch.

        Returns:
            An event for each item, or what is wrong with it.

        Raises:
            InvalidInputError: the batch as a whole cannot be taken apart, or holds nothing.
            RequestEntityTooLarge: it holds too many items.
        """
        events = self._certain(batch.raw, self._read_lines if batch.is_lines else self._decode_array)
        if events is None:
            return EventColumns.from_events(self._decode_items(batch.items()))
        check_size(len(events))
        return events

    def decode_with_schema(self, item: bytes) -> Event | InvalidInputError:
        """Read one item the slow way: strict JSON, then the schema."""
        try:
            event: Event = load(self._schema, parse_json(item, "event"))
        except InvalidInputError as error:
            return error
        return event

    def _decode_items(self, items: Sequence[bytes]) -> list[Event | InvalidInputError]:
        """Read items together where that is certain, and else each half of them: few are ever wrong."""
        alone = len(items) == 1
        raw = b"\n".join([item.strip(JSON_SPACE) for item in items])
        events = self._certain(raw, self._read_one if alone else self._read_lines)
        if events is not None:
            return events.to_events()
        if alone:
            return [self.decode_with_schema(items[0])]
        half = len(items) // 2
        return [*self._decode_items(items[:half]), *self._decode_items(items[half:])]

    def _read_one(self, raw: bytes) -> list[_WireEvent]:
        return [self._decode_line(raw)]

    def _read_lines(self, raw: bytes) -> list[_WireEvent]:
        """Decode NDJSON in its plainest form: one event a line, nothing around it.

        `decode_lines` alone would also take an event spread over lines, and several events on one line.
        """
        events = self._decode_lines(raw)
        text = np.frombuffer(raw, np.uint8)
        breaks = 1 + np.flatnonzero(text[1:-1] == ord("\n"))
        between = (text[breaks - 1] == ord("}")) & (text[breaks + 1] == ord("{"))
        if len(breaks) != len(events) - 1 or not between.all():
            raise msgspec.DecodeError("not one event a line")
        return events

    def _certain(self, raw: bytes, read: Callable[[bytes], list[_WireEvent]]) -> EventColumns | None:
        """The events that the schema would load from these bytes; None where that is not certain."""
        if _BACKSLASH in raw:
            return None
        try:
            wire = read(raw)
            if not wire:
                return None
            at_ms = parse_timestamps_ms([event.occurred_at for event in wire])
            # No text holds a backslash.
            texts, text_of = factorize(_BACKSLASH.join([event.profile for event in wire]).split(_BACKSLASH))
            profiles = self._profiles_of(texts)
        except (ValueError, RecursionError):  # msgspec's errors are ValueErrors, as is bad UTF-8
            return None
        types, account_ids = [event.type for event in wire], [event.account_id for event in wire]
        videos, creators = [event.video_id for event in wire], [event.creator_id for event in wire]
        visibilities = [event.visibility for event in wire]
        # Of a name that is given twice the decoder keeps the last. Without a backslash every quote bounds a
        # string, so such a name leaves more quotes than what was read has.
        members = _MEMBERS * len(wire) - videos.count("") - creators.count("") - visibilities.count(UNSET)
        of_profiles = np.array([text.count(_QUOTE) + _QUOTES_PER_NAME * bool(text) for text in texts])[
            text_of
        ]
        quotes = np.count_nonzero(np.frombuffer(raw, np.uint8) == ord(_QUOTE))
        if quotes != _QUOTES_PER_MEMBER * members + of_profiles.sum():
            return None
        if any(creators) or not CREATOR_EVENTS.isdisjoint(types):
            targets = [_target(event) for event in wire]
        else:
            targets = videos
        if not are_public_ids(account_ids, targets):
            return None
        private = np.frombuffer(bytes(map(_IS_PRIVATE.__getitem__, visibilities)), np.bool_)
        return EventColumns(type_column(types), account_ids, targets, at_ms, profiles, text_of, private)

    def _profiles_of(self, texts: Sequence[bytes]) -> list[EventAttributes]:
        """The profiles with these texts.

        Raises:
            ValueError: one is none, or not in the form of which this is certain.
        """
        known = self._profiles
        if len(known) + len(texts) > MAX_REMEMBERED:
            # Not emptied: another thread may be looking at the former ones.
            known = self._profiles = _nothing_known()
        known |= {text: self._profile(text) for text in texts if text not in known}
        return [known[text] for text in texts]

    def _profile(self, text: bytes) -> EventAttributes:
        profile = self._decode_profile(text)
        values = [value for value in msgspec.structs.astuple(profile) if value is not UNSET]
        if text.count(_QUOTE) != _QUOTES_PER_MEMBER * len(values):
            raise ValueError("a name is given twice")
        return profile


def _target(event: _WireEvent) -> str:
    """The target of an event; empty unless it names exactly the one that its type needs."""
    wanted, other = event.video_id, event.creator_id
    if event.type in CREATOR_EVENTS:
        wanted, other = other, wanted
    return "" if other else wanted


def _nothing_known() -> dict[bytes, EventAttributes]:
    """The profiles that every process knows: none said."""
    return {b"": EventAttributes()}


MAX_REMEMBERED = 100_000
"""Profiles that one process remembers, about 40 MB."""
