"""One event as the door of the vault takes it: well-formed, and not yet judged by any policy."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import UNSET, UnsetType

from privacy.model.change import GAINED
from privacy.model.engagement import Kind, Reason

if TYPE_CHECKING:
    from collections.abc import Mapping


EventType = Literal["like", "unlike"]
Visibility = Literal["public", "private"]

MAX_PROFILE_VALUE_CHARACTERS = 64
_Value = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_PROFILE_VALUE_CHARACTERS)] | UnsetType


class Profile(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """What the platform says about the account behind an event; a field that is not set is undisclosed."""

    age_band: _Value = UNSET
    gender: _Value = UNSET
    region: _Value = UNSET
    language: _Value = UNSET
    device: _Value = UNSET


class Event(msgspec.Struct, frozen=True, gc=False):
    """One thing that an account did to a video.

    Args:
        type: what happened.
        account_id: an identifier; it goes no further than the pseudonym made of it.
        video_id: an identifier.
        occurred_at_ms: when it happened, in ms since 1970 UTC.
        profile: about the account.
        private: whether the account hides who it is: it counts, but in no breakdown.
    """

    type: EventType
    account_id: str
    video_id: str
    occurred_at_ms: int
    profile: Profile
    private: bool


EVENT_TYPES: Mapping[EventType, tuple[int, int]] = MappingProxyType(
    {"like": (int(Kind.LIKE), GAINED), "unlike": (int(Kind.LIKE), int(Reason.UNLIKED))}
)
"""What an event of each type does: number of the kind, and `GAINED` or the number of a reason."""

PROFILE_FIELDS = Profile.__struct_fields__
"""Names of the dimensions that an event may speak of."""
