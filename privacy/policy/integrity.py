"""Rules that make a like inauthentic, and thresholds of what staff are shown about groups of accounts."""

from typing import Final

import msgspec

from privacy.errors import PolicyError
from privacy.model.timestamp import SECONDS_PER_DAY

MAX_COUNT: Final = 65_535
MAX_SECONDS: Final = 366 * SECONDS_PER_DAY
_MIN_COUNTS: Final = {"burst_likes": 2, "network_accounts": 2, "sequence_targets": 3, "sequence_accounts": 2}
"""Below these a rule would apply to everyone."""


class Integrity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The rules. The first three decide what is counted, and read only the account's own events.

    Args:
        burst_likes: a like is not counted if its account's last likes of the same day, as many as this, …
        burst_seconds: … all happened within this time before it.
        least_account_age_seconds: likes of an account younger than this are not counted.
        network_accounts: number of accounts on one network from which staff are shown them.
        sequence_targets: number of targets in the same order …
        sequence_accounts: … by this number of accounts, from which staff are shown them.

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
        for name in self.__struct_fields__:
            value = getattr(self, name)
            low = _MIN_COUNTS.get(name, 0)
            high = MAX_SECONDS if name.endswith("_seconds") else MAX_COUNT
            if not low <= value <= high:
                raise PolicyError(f"integrity.{name}: is {value}; a whole number from {low} to {high}")
