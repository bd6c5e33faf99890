"""The audit trail of staff actions: who, when, what and why. Each action is recorded before it and after it.

Entries name an account by its audit tag, which is neither its id nor its pseudonym. With the account's id and
the pseudonym key one can find the entries about an account; no one can get from a tag back to the account.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple, TypeVar, cast

import msgspec
from redis import Redis

from privacy.errors import ConflictError
from privacy.store.connect import translated
from privacy.store.keys import AUDIT_TRAIL


class ActionStage(Enum):
    """The stage at which an entry was written, as the API spells it."""

    REQUESTED = "requested"
    DONE = "done"
    REFUSED = "refused"


class Actor(NamedTuple):
    """The person or program that acts.

    Args:
        owner: owner of the API key, or the operator at the command line.
        key_id: of the API key; empty for none.
    """

    owner: str
    key_id: str


MAINTENANCE = Actor("maintenance", "")
"""The maintenance worker."""
OPERATOR = Actor("operator", "")
"""The operator, at the command line."""


class AuditEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """An entry of the trail.

    Args:
        stage: whether it was written before or after the action.
        action: the action, in the words of the API.
        owner: of the API key.
        key_id: of the API key.
        note: why.
        account_tag: audit tag of the account; None if the action is not about one account.
        details: parameters and results; they name no account.
    """

    stage: ActionStage
    action: str
    owner: str
    key_id: str
    note: str
    account_tag: str | None = None
    details: dict[str, Any] = {}


class Position(NamedTuple):
    """Position of an entry in the trail. The first part is its time, in ms since 1970 UTC."""

    moment_ms: int
    sequence: int


@dataclass(frozen=True)
class AuditTrail:
    """Writes and reads the trail.

    Args:
        client: must have the ACL user `platform`, which may read, or `maintenance`, which may trim.
    """

    client: Redis

    def write(self, entry: AuditEntry) -> None:
        """Append an entry; it is on disk when this returns. The store's clock dates it.

        Raises:
            StoreBusyError: the store did not confirm. The action must not be carried out.
        """
        with translated():
            self.client.xadd(AUDIT_TRAIL, {"entry": msgspec.json.encode(entry)})

    def read_page(self, before: Position | None, limit: int) -> list[tuple[Position, AuditEntry]]:
        """Return entries, newest first.

        Args:
            before: return entries older than this position; None for the newest ones.
            limit: the maximum number of entries.

        Raises:
            StoreBusyError: the store did not answer.
        """
        newest = "+" if before is None else f"({before.moment_ms}-{before.sequence}"
        with translated():
            rows = self.client.xrevrange(AUDIT_TRAIL, max=newest, count=limit)
        return [
            (_parse_position(stored_id), msgspec.json.decode(fields[b"entry"], type=AuditEntry))
            for stored_id, fields in cast("list[tuple[bytes, dict[bytes, bytes]]]", rows)
        ]

    def forget_before(self, moment_ms: int) -> int:
        """Delete entries older than the given time. Returns how many.

        Raises:
            StoreBusyError: the store did not confirm.
        """
        with translated():
            return int(self.client.xtrim(AUDIT_TRAIL, minid=f"{max(0, moment_ms)}-0", approximate=False))


Result = TypeVar("Result")


def run_audited(
    trail: AuditTrail, entry: AuditEntry, act: Callable[[], Result], details: Callable[[Result], Any]
) -> Result:
    """Carry out an action between two entries of the trail.

    Args:
        trail: the trail.
        entry: the entry to write before the action.
        act: carries out the action.
        details: returns the details of a result for the entry after the action.

    Returns:
        The result of `act`.

    Raises:
        ConflictError: the action contradicts the stored state. The trail records it as refused.
        StoreBusyError: the store did not confirm. The trail records the action as requested.
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


def _parse_position(stored_id: bytes) -> Position:
    moment_ms, sequence = stored_id.split(b"-")
    return Position(int(moment_ms), int(sequence))
