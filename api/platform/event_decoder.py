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
from api.platform.timestamps import parse_timestamps_ms
from privacy.errors import InvalidInputError
from privacy.model.identifier import IDENTIFIER_PATTERN
from privacy.model.sandbox import TARGET_PREFIX
from privacy.vault.event import CREATOR_EVENTS, Event, EventType, Profile, Visibility

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class _WireEvent(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """An event as it is spelled on the wire, in its usual members; what has others goes to the schema.

    What is absent stays unset: encoding it again leaves it out.
    """

    type: EventType
    account_id: str
    occurred_at: str
    video_id: str | UnsetType = UNSET
    creator_id: str | UnsetType = UNSET
    profile: msgspec.Raw | UnsetType = UNSET
    visibility: Visibility | UnsetType = UNSET


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
        self._decode_profile = msgspec.json.Decoder(Profile).decode
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
        if b"\\" in raw:
            return None
        try:
            wire = read(raw)
            moments_ms = parse_timestamps_ms([event.occurred_at for event in wire])
            profiles = self._profiles_of(wire)
        except (ValueError, RecursionError):  # msgspec's errors are ValueErrors, as is bad UTF-8
            return None
        if self._repeats_names(raw, wire):
            return None
        types = [event.type for event in wire]
        plain = CREATOR_EVENTS.isdisjoint(types) and all(event.creator_id is UNSET for event in wire)
        targets = [event.video_id or "" if plain else _target(event) for event in wire]
        # A decoded id holds no line break: raw ones are not JSON, and escaped ones begin with a backslash.
        # No identifier is empty: neither is a target that is missing, or one too many.
        account_ids = [event.account_id for event in wire]
        ids = "\n".join(account_ids + targets)
        if _OF_THE_SANDBOX in f"\n{ids}" or not _IDENTIFIERS.fullmatch(ids):
            return None
        private = [event.visibility == "private" for event in wire]
        return list(map(Event, types, account_ids, targets, moments_ms, profiles, private))

    def _repeats_names(self, raw: bytes, read: object) -> bool:
        """Whether a name is given twice in an object, as far as what was read of it tells.

        Of such a name the decoder keeps the last. Without a backslash nothing is spelled shorter than it is
        encoded again, but for the three bytes that make an array of lines, and a member too many has five
        bytes at least. Longer bytes may hold spaces: every quote bounds a string, so a name too many leaves
        more quotes. What was read as raw bytes stands in both, and is asked about for itself.
        """
        encoded = self._encode(read)
        return len(raw) > len(encoded) and raw.count(b'"') != encoded.count(b'"')

    def _profiles_of(self, wire: Sequence[_WireEvent]) -> list[Profile]:
        """The profiles of events.

        Raises:
            ValueError: one is none, or not in the form of which this is certain.
        """
        texts = [b"" if event.profile is UNSET else bytes(event.profile) for event in wire]
        known = self._profiles
        try:
            return [known[text] for text in texts]
        except KeyError:
            if len(known) + len(texts) > MAX_REMEMBERED:
                # Not emptied: another thread may be looking at the former ones.
                known = self._profiles = _nothing_known()
        known |= {text: self._profile(text) for text in set(texts).difference(known)}
        return [known[text] for text in texts]

    def _profile(self, text: bytes) -> Profile:
        profile = self._decode_profile(text)
        if self._repeats_names(text, profile):
            raise ValueError("a name is given twice")
        return profile


def _target(event: _WireEvent) -> str:
    """The target of an event; empty unless it names exactly the one that its type needs."""
    wanted, other = event.video_id, event.creator_id
    if event.type in CREATOR_EVENTS:
        wanted, other = other, wanted
    return wanted if wanted is not UNSET and other is UNSET else ""


_IDENTIFIERS = re.compile(f"(?:{IDENTIFIER_PATTERN}\n)*+{IDENTIFIER_PATTERN}")
_OF_THE_SANDBOX = f"\n{TARGET_PREFIX}"


def _nothing_known() -> dict[bytes, Profile]:
    """The profiles that every process knows: none said."""
    return {b"": Profile()}


MAX_REMEMBERED = 100_000
"""Profiles that one process remembers, about 40 MB."""
