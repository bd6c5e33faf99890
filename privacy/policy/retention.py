"""Retention periods of data that is not kept for exactly its target's schedule."""

from typing import Final

import msgspec

from privacy.errors import PolicyError
from privacy.model.timestamp import SECONDS_PER_DAY

MAX_SECONDS: Final = 20 * 366 * SECONDS_PER_DAY
MAX_IDEMPOTENCY_SECONDS: Final = 30 * SECONDS_PER_DAY


class Retention(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Retention periods, in seconds.

    Args:
        idempotency_seconds: of the answer to a request with an Idempotency-Key.
        audit_trail_seconds: of a record of a staff action.
        job_seconds: of a job, after its end.
        advisory_seconds: of an advisory for staff about a group of accounts.
        deleted_account_seconds: from the deletion of an account by its owner to its erasure.
        idle_account_seconds: of an account without events; no shorter than any schedule.
        backup_seconds: of backups of the store, as promised for erasures.

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
        for name in self.__struct_fields__:
            value = getattr(self, name)
            high = MAX_IDEMPOTENCY_SECONDS if name == "idempotency_seconds" else MAX_SECONDS
            if not 1 <= value <= high:
                raise PolicyError(f"retention.{name}: is {value}; a whole number from 1 to {high}")
