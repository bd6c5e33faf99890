"""Selects the dimensions that are set by an account's profile."""

from __future__ import annotations

from typing import Final

from privacy.audit.black_box.claim import Claim
from privacy.errors import PolicyError

_PROFILE_DIMENSIONS: Final = ("device", "gender", "language", "region", "age_band")


def profile_dimensions(claim: Claim) -> list[str]:
    """Returns the declared profile dimensions with at least two values.

    Raises:
        PolicyError: there is none.
    """
    found = [name for name in _PROFILE_DIMENSIONS if len(claim.values.get(name, ())) > 1]
    if not found:
        raise PolicyError(
            f"dimensions: none of {', '.join(_PROFILE_DIMENSIONS)} has two values; canaries need one"
        )
    return found
