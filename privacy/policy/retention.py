"""How long what is kept is kept, where it does not live as long as its target's schedule."""

from __future__ import annotations

from dataclasses import dataclass, fields

from privacy.errors import PolicyError
from privacy.model.timestamp import SECONDS_PER_DAY

MAX_SECONDS = 20 * 366 * SECONDS_PER_DAY


@dataclass(frozen=True)
class Retention:
    """Lives, in seconds.

    Args:
        idempotency_seconds: of the answer to a request with an Idempotency-Key.
        audit_trail_seconds: of an entry about what staff did.
        job_seconds: of a job, after its end.
        advisory_seconds: of what is shown to staff about many accounts.
        deleted_account_seconds: grace between the deletion of an account by its owner and its erasure.
        idle_account_seconds: of an account without events; no shorter than any schedule.
        backup_seconds: within which backups of the store must be gone: what an erasure promises for them.

    Raises:
        PolicyError: a value breaks its rule.
    """

    idempotency_seconds: int
    audit_trail_seconds: int
    job_seconds: int
    advisory_seconds: int
    deleted_account_seconds: int
    idle_account_seconds: int
    backup_seconds: int

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            most = 30 * SECONDS_PER_DAY if field.name == "idempotency_seconds" else MAX_SECONDS
            if not 1 <= value <= most:
                raise PolicyError(f"retention.{field.name}: is {value}; a whole number from 1 to {most}")
