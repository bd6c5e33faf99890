"""What makes a like inauthentic: rules about one account's own events; what staff see of many accounts."""

from __future__ import annotations

from dataclasses import dataclass, fields

from privacy.errors import PolicyError
from privacy.model.timestamp import SECONDS_PER_DAY

MAX_COUNT = 65_535


@dataclass(frozen=True)
class Integrity:
    """The rules. The first three decide what counts, and look at nothing but the account's own events.

    Args:
        burst_likes: an account's likes of a day are taken in runs of so many; a run that begins
        burst_seconds: … or less after the one before it is not counted.
        least_account_age_seconds: likes of an account that was younger are not counted.
        network_accounts: so many accounts on one network are shown to staff.
        sequence_targets: so many targets in the same order
        sequence_accounts: … by so many accounts are shown to staff.

    Raises:
        PolicyError: a value breaks its rule.
    """

    burst_likes: int
    burst_seconds: int
    least_account_age_seconds: int
    network_accounts: int
    sequence_targets: int
    sequence_accounts: int

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            least = _LEAST.get(field.name, 0)
            most = MAX_COUNT if not field.name.endswith("_seconds") else 366 * SECONDS_PER_DAY
            if not least <= value <= most:
                raise PolicyError(
                    f"integrity.{field.name}: is {value}; a whole number from {least} to {most}"
                )


_LEAST = {"burst_likes": 2, "network_accounts": 2, "sequence_targets": 3, "sequence_accounts": 2}
"""Below these a rule would meet everybody."""
