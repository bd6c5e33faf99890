"""Generates the accounts of a simulated platform, with profiles from the policy's domains.

Seeded deliberately: a simulation is test data and must be repeatable. No privacy noise comes from here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from privacy.model.dimension import HOUR_OF_DAY
from privacy.policy.policy import Policy

ACCOUNTS: Final = 250_000
PRIVATE_SHARE: Final = 0.08
SILENT_SHARE: Final = 0.04
"""Share of accounts that do not disclose a dimension."""
CHILD_SHARE: Final = 0.01

_POPULARITY: Final[Mapping[str, Mapping[str, float]]] = {
    "age_band": {
        "13-17": 18,
        "18-24": 32,
        "25-34": 26,
        "35-44": 13,
        "45-54": 7,
        "55-64": 3,
        "65+": 1,
    },
    "gender": {"female": 50, "male": 46, "other": 4},
    "region": {"US": 18, "ID": 12, "BR": 11, "MX": 8, "VN": 6, "PH": 6, "TR": 5, "DE": 4, "GB": 4, "JP": 4},
    "language": {"en": 30, "es": 14, "id": 11, "pt": 11, "vi": 6, "ar": 6, "tr": 5, "de": 4, "ja": 4},
    "device": {"android": 62, "ios": 32, "web": 5, "other": 1},
}
_DEFAULT_POPULARITY: Final = 2.0
"""Popularity of an unlisted value."""


@dataclass(frozen=True)
class Trait:
    """One dimension of the population.

    Args:
        name: of the dimension.
        values: its domain.
        shares: share of the accounts with each value, shape (values,).
        of_account: index of each account's value, shape (accounts,); −1 if undisclosed.
    """

    name: str
    values: Sequence[str]
    shares: NDArray[np.float64]
    of_account: NDArray[np.int16]


@dataclass(frozen=True)
class Population:
    """All accounts.

    Args:
        traits: one per dimension of the policy that is set by a profile.
        private: which accounts are private, shape (accounts,).
        child: which are under age, shape (accounts,).
        child_age_band: their age band; None if the policy drops no age band.
    """

    traits: Sequence[Trait]
    private: NDArray[np.bool_]
    child: NDArray[np.bool_]
    child_age_band: str | None

    @classmethod
    def generate(cls, policy: Policy, random: np.random.Generator) -> Population:
        """Generates the accounts."""
        traits = []
        for dimension in policy.domain.dimensions:
            if dimension.name == HOUR_OF_DAY:
                continue
            popularity = _POPULARITY.get(dimension.name, {})
            weights = np.array([popularity.get(value, _DEFAULT_POPULARITY) for value in dimension.values])
            shares = weights / weights.sum()
            drawn = random.choice(len(shares), ACCOUNTS, p=shares).astype(np.int16)
            drawn[random.random(ACCOUNTS) < SILENT_SHARE] = -1
            traits.append(Trait(dimension.name, dimension.values, shares, drawn))
        bands = sorted(policy.dropped_age_bands)
        return cls(
            traits,
            random.random(ACCOUNTS) < PRIVATE_SHARE,
            (random.random(ACCOUNTS) < CHILD_SHARE) & bool(bands),
            bands[0] if bands else None,
        )

    @cached_property
    def _profile_groups(self) -> NDArray[np.int64]:
        """Number of each account's profile: equal profiles have equal numbers, shape (accounts,)."""
        groups = self.private.astype(np.int64)
        for trait in self.traits:
            groups = groups * (len(trait.values) + 1) + trait.of_account + 1
        return np.where(self.child, -1, groups)

    @cached_property
    def _profiles(self) -> dict[int, str]:
        return {}

    def profile_of(self, account: int) -> str:
        """Returns the end of an event's JSON text: profile and visibility of the account."""
        group = int(self._profile_groups[account])
        profile = self._profiles.get(group)
        if profile is None:
            profile = self._profiles[group] = self._encode_profile(account)
        return profile

    def _encode_profile(self, account: int) -> str:
        if self.child[account]:
            return f',"profile":{json.dumps({"age_band": self.child_age_band})}'
        profile = {
            trait.name: trait.values[index]
            for trait in self.traits
            if (index := int(trait.of_account[account])) >= 0
        }
        visibility = ',"visibility":"private"' if self.private[account] else ""
        return f',"profile":{json.dumps(profile)}{visibility}'
