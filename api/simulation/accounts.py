"""The accounts of a simulated platform: who they say they are, as the policy's domains allow it.

Seeded on purpose: a simulation is test data and can be told again. No privacy noise comes from here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

from privacy.model.dimension import HOUR_OF_DAY
from privacy.policy.policy import Policy

if TYPE_CHECKING:
    from numpy.typing import NDArray

ACCOUNTS: Final = 250_000
PRIVATE_SHARE: Final = 0.08
SILENT_SHARE: Final = 0.04
"""Of accounts that do not say what a dimension asks."""
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
_OF_THE_REST: Final = 2.0
"""Popularity of a value that is not listed."""


@dataclass(frozen=True)
class Trait:
    """One dimension of the crowd.

    Args:
        name: of the dimension.
        values: its domain.
        shares: how many of the accounts have each value, shape (values,).
        of_account: place of each account's value, shape (accounts,); −1 where it says nothing.
    """

    name: str
    values: Sequence[str]
    shares: NDArray[np.float64]
    of_account: NDArray[np.int16]


@dataclass(frozen=True)
class Population:
    """All accounts.

    Args:
        traits: one a dimension of the policy that an account can speak of.
        private: which accounts are private, shape (accounts,).
        child: which are under age, shape (accounts,).
        child_age_band: what those say of their age; None where the policy drops no age band.
    """

    traits: Sequence[Trait]
    private: NDArray[np.bool_]
    child: NDArray[np.bool_]
    child_age_band: str | None

    @classmethod
    def of(cls, policy: Policy, random: np.random.Generator) -> Population:
        """Make the accounts."""
        traits = []
        for dimension in policy.domain.dimensions:
            if dimension.name == HOUR_OF_DAY:
                continue
            popularity = _POPULARITY.get(dimension.name, {})
            weights = np.array([popularity.get(value, _OF_THE_REST) for value in dimension.values])
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
    def _kinds(self) -> NDArray[np.int64]:
        """Accounts that say the same have the same number, shape (accounts,)."""
        kinds = self.private.astype(np.int64)
        for trait in self.traits:
            kinds = kinds * (len(trait.values) + 1) + trait.of_account + 1
        return np.where(self.child, -1, kinds)

    @cached_property
    def _said(self) -> dict[int, str]:
        return {}

    def profile_of(self, account: int) -> str:
        """The end of an event's JSON text: profile and visibility of its account."""
        kind = int(self._kinds[account])
        said = self._said.get(kind)
        if said is None:
            said = self._said[kind] = self._say(account)
        return said

    def _say(self, account: int) -> str:
        if self.child[account]:
            return f',"profile":{json.dumps({"age_band": self.child_age_band})}'
        said = {
            trait.name: trait.values[place]
            for trait in self.traits
            if (place := int(trait.of_account[account])) >= 0
        }
        visibility = ',"visibility":"private"' if self.private[account] else ""
        return f',"profile":{json.dumps(said)}{visibility}'
