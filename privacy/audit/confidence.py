"""What a number of hits proves: Clopper–Pearson bounds, and the ε that they imply."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, log
from typing import Final

from scipy.special import betainccinv, betaincinv

JOINT_ALPHA: Final = 0.002
"""Each lower bound on ε exceeds the true one with at most this probability: 99.8 %, both sides together."""


@dataclass(frozen=True)
class Hits:
    """How often an event was seen.

    Args:
        hits: times that it was seen.
        samples: times that it was looked for.
    """

    hits: int
    samples: int

    def __post_init__(self) -> None:
        if not 0 <= self.hits <= self.samples or self.samples < 1:
            raise ValueError(f"hits: are {self.hits} of {self.samples}; from 0 to the samples, at least one")

    def __add__(self, other: Hits) -> Hits:
        """Both together."""
        return Hits(self.hits + other.hits, self.samples + other.samples)

    @property
    def rate(self) -> float:
        """The share of hits."""
        return self.hits / self.samples

    def at_least(self, alpha: float) -> float:
        """The rate is at least this, but with probability alpha."""
        return float(betaincinv(self.hits, self.samples - self.hits + 1, alpha)) if self.hits else 0.0

    def at_most(self, alpha: float) -> float:
        """The rate is at most this, but with probability alpha."""
        missed = self.samples - self.hits
        return float(betainccinv(self.hits + 1, missed, alpha)) if missed else 1.0


def epsilon_at_least(likely: Hits, rare: Hits, delta: float, alpha: float = JOINT_ALPHA) -> float:
    """A lower bound on every ε for which the mechanism may be (ε, δ)-differentially private.

    Args:
        likely: hits in the world where the event is likely.
        rare: hits in the neighbouring one.
        delta: δ.
        alpha: probability with which the bound may be wrong, for both sides together.
    """
    above = likely.at_least(alpha / 2) - delta
    return max(0.0, log(above / rare.at_most(alpha / 2))) if above > 0 else 0.0


def epsilon_measured(likely: Hits, rare: Hits, delta: float) -> float:
    """The same without allowance for chance: for plots, not for verdicts."""
    above = likely.rate - delta
    if above <= 0:
        return 0.0
    return max(0.0, log(above / rare.rate)) if rare.hits else inf
