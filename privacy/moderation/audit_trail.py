"""What staff did: who, when, what and why. Written before something is done, and again with what came of it.

An account is named by its audit tag, which is neither its id nor its pseudonym and leads to neither: whoever
holds the account's id and the key can find what was done to it, and nobody can go the other way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

import msgspec

from privacy.errors import ConflictError
from privacy.store.connect import translated
from privacy.store.keys import AUDIT_TRAIL

if TYPE_CHECKING:
    from redis import Redis


class ActionStage(Enum):
    """When an entry was written, as it is spelled outside."""

    ASKED = "asked"
    DONE = "done"
    REFUSED = "refused"


class Actor(NamedTuple):
    """Who acts.

    Args:
        owner: of the API key; or the operator, at the command line.
        key_id: which key; empty for none.
    """

    owner: str
    key_id: str


MAINTENANCE = Actor("maintenance", "")
"""The program that carries jobs out and lets time pass."""


class AuditEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One entry.

    Args:
        stage: before something is done, or after.
        action: what, in the words of the API.
        owner: who.
        key_id: with which key.
        note: why.
        account_tag: whose account; None where it is not about one.
        details: what else there is to say; no account.
    """

    stage: ActionStage
    action: str
    owner: str
    key_id: str
    note: str
    account_tag: str | None = None
    details: dict[str, Any] = {}


class Position(NamedTuple):
    """Where an entry stands in the trail; its time is the first part."""

    moment_ms: int
    sequence: int


@dataclass(frozen=True)
class AuditTrail:
    """Writes and reads the trail.

    Args:
        client: of a user that may.
    """

    client: Redis

    def write(self, entry: AuditEntry) -> None:
        """Add an entry; on disk when this returns. The store's clock dates it.

        Raises:
            StoreBusyError: the store did not confirm: what was to be done must not be done.
        """
        with translated():
            self.client.xadd(AUDIT_TRAIL, {"entry": msgspec.json.encode(entry)})

    def page(self, before: Position | None, limit: int) -> list[tuple[Position, AuditEntry]]:
        """Entries, newest first.

        Args:
            before: older than this one; None for the newest.
            limit: at most so many.
        """
        newest = "+" if before is None else f"({before.moment_ms}-{before.sequence}"
        with translated():
            rows = self.client.xrevrange(AUDIT_TRAIL, max=newest, count=limit)
        return [
            (_position(place), msgspec.json.decode(fields[b"entry"], type=AuditEntry))
            for place, fields in cast("list[tuple[bytes, dict[bytes, bytes]]]", rows)
        ]

    def forget_before(self, moment_ms: int) -> int:
        """Drop entries that are older; how many."""
        with translated():
            return int(self.client.xtrim(AUDIT_TRAIL, minid=f"{max(0, moment_ms)}-0", approximate=False))


Result = TypeVar("Result")


def audited(
    trail: AuditTrail, entry: AuditEntry, act: Callable[[], Result], details: Callable[[Result], Any]
) -> Result:
    """Do something between two entries of the trail.

    Args:
        trail: where to write.
        entry: what is asked for.
        act: does it.
        details: what of the result belongs in the second entry.

    Raises:
        ConflictError: it contradicts what is stored: the trail says so.
        StoreBusyError: the store did not confirm. The trail says that it was asked for.
    """
    trail.write(entry)
    try:
        result = act()
    except ConflictError as error:
        refusal = {**entry.details, "why": str(error)}
        trail.write(msgspec.structs.replace(entry, stage=ActionStage.REFUSED, details=refusal))
        raise
    done = {**entry.details, **details(result)}
    trail.write(msgspec.structs.replace(entry, stage=ActionStage.DONE, details=done))
    return result


def _position(place: bytes) -> Position:
    moment_ms, sequence = place.split(b"-")
    return Position(int(moment_ms), int(sequence))
