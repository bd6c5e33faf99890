"""One event as the door of the vault takes it: well-formed, and not yet judged by any policy."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal, NamedTuple

import msgspec
from msgspec import UNSET, UnsetType

from privacy.model.change import GAINED
from privacy.model.engagement import Kind, Reason, TargetType

EventType = Literal["like", "unlike", "favorite", "unfavorite", "follow", "unfollow"]
Visibility = Literal["public", "private"]

MAX_PROFILE_VALUE_CHARACTERS = 64
_Value = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_PROFILE_VALUE_CHARACTERS)] | UnsetType


class EventAttributes(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """What the platform says about the account behind an event; a field that is not set is undisclosed."""

    age_band: _Value = UNSET
    gender: _Value = UNSET
    region: _Value = UNSET
    language: _Value = UNSET
    device: _Value = UNSET


class Event(msgspec.Struct, frozen=True, gc=False):
    """One thing that an account did to a target.

    Args:
        type: what happened; `EVENT_TYPES` says to which type of target.
        account_id: an identifier; it goes no further than the pseudonym made of it.
        target_id: an identifier of a video or creator.
        occurred_at_ms: when it happened, in ms since 1970 UTC.
        profile: about the account.
        private: whether the account hides who it is: it counts, but in no breakdown.
        account_created_at_ms: since when the account exists; None if the platform does not say.
        network: names the network from which it acted; goes no further than a keyed digest.
    """

    type: EventType
    account_id: str
    target_id: str
    occurred_at_ms: int
    profile: EventAttributes
    private: bool
    account_created_at_ms: int | None = None
    network: str | None = None


class Effect(NamedTuple):
    """What an event of one type does.

    Args:
        kind: of the engagement.
        change: `GAINED`, or the number of a reason.
    """

    kind: Kind
    change: int


EVENT_TYPES: Mapping[EventType, Effect] = MappingProxyType(
    {
        "like": Effect(Kind.LIKE, GAINED),
        "unlike": Effect(Kind.LIKE, int(Reason.UNLIKED)),
        "favorite": Effect(Kind.FAVORITE, GAINED),
        "unfavorite": Effect(Kind.FAVORITE, int(Reason.UNLIKED)),
        "follow": Effect(Kind.FOLLOW, GAINED),
        "unfollow": Effect(Kind.FOLLOW, int(Reason.UNLIKED)),
    }
)
CREATOR_EVENTS = frozenset(
    name for name, effect in EVENT_TYPES.items() if effect.kind.target_type is TargetType.CREATOR
)
"""Types of events about a creator; all others are about a video."""

PROFILE_FIELDS = EventAttributes.__struct_fields__
"""Names of the dimensions that an event may speak of."""
