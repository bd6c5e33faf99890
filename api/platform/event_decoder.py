"""Reads batches of events: as `EventSchema` does, and much faster where that is certain to give the same.

The schema decides. The compiled decoder answers only for bytes of which it is certain; everything else, valid
or not, goes to the schema, item by item. `tests/property/test_event_decoder.py` compares the two.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET, UnsetType

from api.http.arguments import load
from api.http.json_body import parse_json
from api.platform.batch import Batch, check_size
from api.platform.schemas import EventSchema
from privacy.errors import InvalidInputError
from privacy.model.identifier import IDENTIFIER_PATTERN
from privacy.model.sandbox import TARGET_PREFIX
from privacy.model.timestamp import parse_timestamps_ms
from privacy.vault.event import CREATOR_EVENTS, Event, EventType, Profile, Visibility

if TYPE_CHECKING:
    from collections.abc import Callable


class _WireEvent(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """An event as it is spelled on the wire, in its usual members; what has others goes to the schema.

    What is absent stays unset: encoding it again leaves it out.
    """

    type: EventType
    account_id: str
    occurred_at: str
    video_id: str | UnsetType = UNSET
    creator_id: str | UnsetType = UNSET
    profile: Profile | UnsetType = UNSET
    visibility: Visibility | UnsetType = UNSET


class EventDecoder:
    """Reads batches of events; stateless, and made once because its parts are compiled."""

    def __init__(self) -> None:
        self._schema = EventSchema()
        self._decode_line = msgspec.json.Decoder(_WireEvent).decode
        self._decode_lines = msgspec.json.Decoder(_WireEvent).decode_lines
        self._decode_array = msgspec.json.Decoder(list[_WireEvent]).decode
        self._encode = msgspec.json.Encoder().encode

    def decode(self, batch: Batch) -> list[Event | InvalidInputError]:
        """Read a batch.

        Returns:
            An event for each item, or what is wrong with it.

        Raises:
            InvalidInputError: the batch as a whole cannot be taken apart, or holds nothing.
            RequestEntityTooLarge: it holds too many items.
        """
        read = self._read_lines if batch.is_lines else self._decode_array
        events = self._certain(batch.raw, read)
        if events is None:
            return [self._decode_item(item) for item in batch.items()]
        check_size(len(events))
        return [*events]

    def _decode_item(self, item: bytes) -> Event | InvalidInputError:
        certain = self._certain(item, lambda raw: [self._decode_line(raw)])
        return certain[0] if certain else self.decode_with_schema(item)

    def decode_with_schema(self, item: bytes) -> Event | InvalidInputError:
        """Read one item the slow way: strict JSON, then the schema."""
        try:
            event: Event = load(self._schema, parse_json(item, "event"))
        except InvalidInputError as error:
            return error
        return event

    def _read_lines(self, raw: bytes) -> list[_WireEvent]:
        """Decode NDJSON in its plainest form: one event a line, nothing around it.

        `decode_lines` alone would also take an event spread over lines, and several events on one line.
        """
        events = self._decode_lines(raw)
        line_breaks = len(events) - 1
        if raw.count(b"}\n{") != line_breaks or raw.count(b"\n") != line_breaks + raw.endswith(b"\n"):
            raise msgspec.DecodeError("not one event a line")
        return events

    def _certain(self, raw: bytes, read: Callable[[bytes], list[_WireEvent]]) -> list[Event] | None:
        """The events that the schema would load from these bytes; None where that is not certain."""
        if b"\\" in raw or _OF_THE_SANDBOX in raw:
            return None
        try:
            wire = read(raw)
            moments_ms = parse_timestamps_ms([event.occurred_at for event in wire])
        except (ValueError, RecursionError):  # msgspec's errors are ValueErrors, as is bad UTF-8
            return None
        # Without a backslash every quote bounds a string. So a name that is given twice, of which the decoder
        # keeps the last, leaves more quotes in the bytes than there are in what was decoded.
        if raw.count(b'"') != self._encode(wire).count(b'"'):
            return None
        plain = b"follow" not in raw and b"creator_id" not in raw  # then a target is a video, or missing
        targets = [event.video_id or "" if plain else _target(event) for event in wire]
        # A decoded id holds no line break: raw ones are not JSON, and escaped ones begin with a backslash.
        # No identifier is empty: neither is a target that is missing, or one too many.
        ids = [event.account_id for event in wire] + targets
        if not _IDENTIFIERS.fullmatch("\n".join(ids)):
            return None
        return [
            Event(
                event.type,
                event.account_id,
                target_id,
                at_ms,
                _UNDISCLOSED if event.profile is UNSET else event.profile,
                event.visibility == "private",
            )
            for event, target_id, at_ms in zip(wire, targets, moments_ms, strict=True)
        ]


def _target(event: _WireEvent) -> str:
    """The target of an event; empty unless it names exactly the one that its type needs."""
    wanted, other = event.video_id, event.creator_id
    if event.type in CREATOR_EVENTS:
        wanted, other = other, wanted
    return wanted if wanted is not UNSET and other is UNSET else ""


_IDENTIFIERS = re.compile(f"(?:{IDENTIFIER_PATTERN}\n)*+{IDENTIFIER_PATTERN}")
_OF_THE_SANDBOX = f'"{TARGET_PREFIX}'.encode()
_UNDISCLOSED = Profile()
