"""Clopper–Pearson bounds on hit rates, and the bounds on ε that they imply."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, log
from typing import Final

from scipy.special import betainccinv, betaincinv

JOINT_ALPHA: Final = 0.002
"""Each lower bound on ε exceeds the true ε with at most this probability (99.8 % confidence, both rates)."""


@dataclass(frozen=True)
class Hits:
    """Number of samples in an output set.

    Args:
        hits: samples in the set.
        samples: all samples, at least one.
    """

    hits: int
    samples: int

    def __post_init__(self) -> None:
        if not 0 <= self.hits <= self.samples or self.samples < 1:
            raise ValueError(f"hits: are {self.hits} of {self.samples}; from 0 to the samples, at least one")

    def __add__(self, other: Hits) -> Hits:
        """Returns the sum of both."""
        return Hits(self.hits + other.hits, self.samples + other.samples)

    @property
    def rate(self) -> float:
        """Share of hits."""
        return self.hits / self.samples

    def lower_bound(self, alpha: float) -> float:
        """Returns a lower bound on the true rate, wrong with probability alpha."""
        return float(betaincinv(self.hits, self.samples - self.hits + 1, alpha)) if self.hits else 0.0

    def upper_bound(self, alpha: float) -> float:
        """Returns an upper bound on the true rate, wrong with probability alpha."""
        missed = self.samples - self.hits
        return float(betainccinv(self.hits + 1, missed, alpha)) if missed else 1.0


def epsilon_lower_bound(likely: Hits, rare: Hits, delta: float, alpha: float = JOINT_ALPHA) -> float:
    """Returns a lower bound on every ε for which the mechanism may be (ε, δ)-differentially private.

    Args:
        likely: hits in the dataset where the output set is likely.
        rare: hits in the neighbouring dataset.
        delta: δ.
        alpha: probability that the bound is wrong, for both rates together.
    """
    above = likely.lower_bound(alpha / 2) - delta
    return max(0.0, log(above / rare.upper_bound(alpha / 2))) if above > 0 else 0.0


def estimate_epsilon(likely: Hits, rare: Hits, delta: float) -> float:
    """Returns the same without allowance for chance: for plots only, never for a result."""
    above = likely.rate - delta
    if above <= 0:
        return 0.0
    return max(0.0, log(above / rare.rate)) if rare.hits else inf
