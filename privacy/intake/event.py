"""An event as intake takes it: well-formed, and not yet checked against a policy."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal, NamedTuple

import msgspec
from msgspec import UNSET, UnsetType

from privacy.intake.taken import Taken
from privacy.model.change import GAINED
from privacy.model.engagement import Kind, Reason, TargetType

EventType = Literal["like", "unlike", "favorite", "unfavorite", "follow", "unfollow"]
Visibility = Literal["public", "private"]

MAX_PROFILE_VALUE_CHARACTERS = 64
"""No policy lists a longer value. One character more is kept of it, so that it equals no listed one."""
ProfileText = Annotated[str, msgspec.Meta(max_length=MAX_PROFILE_VALUE_CHARACTERS + 1)] | None | UnsetType
"""The type of a value of a profile."""


class EventAttributes(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """Attributes of the account behind an event; a field that is not set, or None, is undisclosed.

    These are the usual dimensions. `privacy.intake.profile_shape` adds those that policies declare besides.
    """

    age_band: ProfileText = UNSET
    gender: ProfileText = UNSET
    region: ProfileText = UNSET
    language: ProfileText = UNSET
    device: ProfileText = UNSET


class Event(msgspec.Struct, frozen=True, gc=False):
    """An action of one account on one target.

    Args:
        type: the action; `EVENT_TYPES` implies the type of target.
        account_id: an identifier; only the pseudonym derived from it is stored.
        target_id: identifier of a video or creator.
        occurred_at_ms: time of the action, in ms since 1970 UTC.
        profile: attributes of the account.
        private: whether the account is private: it counts in totals, and as undisclosed in breakdowns.
        account_created_at_ms: time at which the account was created; None if unknown.
        network: name of the network from which the account acted; only a keyed digest of it is stored.
        taken: what was taken otherwise than it was sent.
    """

    type: EventType
    account_id: str
    target_id: str
    occurred_at_ms: int
    profile: EventAttributes
    private: bool
    account_created_at_ms: int | None = None
    network: str | None = None
    taken: tuple[Taken, ...] = ()


class Effect(NamedTuple):
    """The effect of an event type.

    Args:
        kind: kind of the engagement.
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
"""Event types whose target is a creator; the target of all others is a video."""

PROFILE_FIELDS = EventAttributes.__struct_fields__
"""Names of the usual dimensions."""
