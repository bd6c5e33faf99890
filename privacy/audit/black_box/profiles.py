"""What accounts may be said to be: the dimensions that a profile decides, and no others."""

from __future__ import annotations

from typing import Final

from privacy.audit.black_box.claim import Claim
from privacy.errors import PolicyError

_OF_PROFILES: Final = ("device", "gender", "language", "region", "age_band")


def profile_dimensions(claim: Claim) -> list[str]:
    """Declared dimensions of profiles that have two values or more.

    Raises:
        PolicyError: there are none.
    """
    found = [name for name in _OF_PROFILES if len(claim.values.get(name, ())) > 1]
    if not found:
        raise PolicyError(f"dimensions: none of {', '.join(_OF_PROFILES)} has two values; canaries need one")
    return found
