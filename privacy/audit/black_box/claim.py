"""The guarantee that a deployment's public plane states; every attack is compared with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import exp, sqrt
from typing import Any, Final, Protocol

from privacy.errors import PolicyError
from privacy.model.dimension import HOUR_OF_DAY

KIND = "like"
TOTAL = "total"
HASHTAG = "hashtag"


class Bound(Protocol):
    """What bounds the guesses of an attacker."""

    @property
    def rho(self) -> float:
        """Cost, as zCDP, of all that the attacker reads about the coin."""

    @property
    def accuracy_ceiling(self) -> float:
        """Upper bound on any attacker's probability of guessing a fair coin."""


@dataclass(frozen=True)
class AudienceClaim:
    """The guarantee of the number of accounts in audiences of hashtags.

    Args:
        every_seconds: length of their periods.
        deviation: standard deviation of the number.
        threshold: smallest estimate of it that is shown.
        rho: zCDP of the number, about all likes of one account in its scope and period.
        all_rho: zCDP of all audiences in which one engagement counts.
        gate_delta: the gate's contribution to delta.
    """

    every_seconds: int
    deviation: float
    threshold: int
    rho: float
    all_rho: float
    gate_delta: float

    @classmethod
    def find(cls, document: Mapping[str, Any], gate_delta: float) -> AudienceClaim | None:
        """Finds it in the answer of `GET /v1/privacy`: of the shortest periods."""
        audiences = document.get("audiences") or {"rho": 0, "periods": []}
        found = [
            cls(
                period["every_seconds"],
                statistic["sd"],
                statistic["threshold"],
                statistic["rho"],
                audiences["rho"],
                gate_delta,
            )
            for period in audiences["periods"]
            for statistic in period["statistics"]
            if period["scope"] == HASHTAG and statistic["name"] == TOTAL
        ]
        return min(found, key=lambda claim: claim.every_seconds, default=None)

    @property
    def accuracy_ceiling(self) -> float:
        """Upper bound on right guesses of a fair coin from this number, by Pinsker's inequality."""
        return (1 + sqrt(min(self.rho, self.all_rho) / 2) + self.gate_delta) / 2


@dataclass(frozen=True)
class Claim:
    """The guarantee of likes in the sandbox.

    Args:
        version: of the sandbox's policy.
        k: smallest number of accounts that a measured number (a total, a cell, removals) is about.
        rho: zCDP of everything ever published about one engagement.
        epsilons: the claimed epsilon, by delta.
        gate_delta: the gate's contribution to delta.
        max_accuracy: the claimed upper bound on right guesses of a fair coin.
        encoder: first column of the encoder C.
        noise_scale: of the total's measurements, in the encoder's units.
        thresholds: smallest estimate with which a total is shown, by epoch.
        due_ages_seconds: age at which each epoch ends.
        public_delay_seconds: from the end of an epoch to the moment from which its release is visible.
        values: values of each dimension, without the undisclosed cell.
        likes_per_account: likes that an account may send at once without being flagged as a bot.
        audience: what is claimed of audiences of hashtags; None if the policy measures no totals of them.
    """

    version: str
    k: int
    rho: float
    epsilons: Mapping[float, float]
    gate_delta: float
    max_accuracy: float
    encoder: tuple[int, ...]
    noise_scale: int
    thresholds: tuple[int, ...]
    due_ages_seconds: tuple[int, ...]
    public_delay_seconds: int
    values: Mapping[str, tuple[str, ...]]
    likes_per_account: int
    audience: AudienceClaim | None = None

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Claim:
        """Parses the answer of `GET /v1/privacy`."""
        kind = document["kinds"][KIND]
        total = next(statistic for statistic in kind["statistics"] if statistic["name"] == TOTAL)
        integrity, contribution = document["integrity"], document["contribution"]
        rules = (integrity["sequence_targets"], integrity["burst_likes"], contribution["daily_cap"] + 1)
        gate_delta = kind["mechanism"]["gate_delta"]
        return cls(
            version=document["version"],
            k=document["anonymity"]["k"],
            rho=kind["rho"],
            epsilons={pair["delta"]: pair["epsilon"] for pair in kind["epsilon"] if pair["epsilon"]},
            gate_delta=gate_delta,
            max_accuracy=kind["attacker"]["max_accuracy"],
            encoder=tuple(kind["mechanism"]["encoder_coefficients"]),
            noise_scale=total["noise_scale"],
            thresholds=tuple(total["threshold_by_epoch"]),
            due_ages_seconds=tuple(document["schedule"]["due_ages_seconds"]),
            public_delay_seconds=document["release"]["public_delay_seconds"],
            values={name: tuple(cells[:-1]) for name, cells in document["dimensions"].items()},
            likes_per_account=min(rules) - 1,
            audience=AudienceClaim.find(document, gate_delta),
        )

    @property
    def advantage_ceiling(self) -> float:
        """Upper bound on any attacker's advantage P(guess in | in) − P(guess in | out).

        Pinsker's inequality bounds it by √(rho / 2), each (epsilon, delta) by (e^ε − 1 + 2δ) / (e^ε + 1), and
        the policy's accountant by what it claims.
        """
        pairs = [
            (exp(epsilon) - 1 + 2 * delta) / (exp(epsilon) + 1) for delta, epsilon in self.epsilons.items()
        ]
        return min(2 * self.max_accuracy - 1, sqrt(self.rho / 2) + self.gate_delta, *pairs)

    @property
    def accuracy_ceiling(self) -> float:
        """Upper bound on any attacker's probability of guessing a fair coin."""
        return (1 + self.advantage_ceiling) / 2

    def find_epoch_before_quiet(self, quiet_seconds: float) -> int:
        """Returns the first epoch that is followed by a pause of this length, or by the longest pause."""
        ages = self.due_ages_seconds
        rests = [later - earlier for earlier, later in pairwise(ages)]
        long_enough = (epoch for epoch, rest in enumerate(rests) if rest >= quiet_seconds)
        return next(long_enough, max(range(len(rests)), key=rests.__getitem__))


_PREFERRED: Final = ("device", "gender", "language", "region", "age_band")
"""Dimensions that are taken first, in this order."""


def list_profile_dimensions(claim: Claim) -> list[str]:
    """Returns the declared dimensions of profiles with at least two values.

    Raises:
        PolicyError: there is none.
    """
    names = dict.fromkeys([*_PREFERRED, *claim.values])
    found = [name for name in names if name != HOUR_OF_DAY and len(claim.values.get(name, ())) > 1]
    if not found:
        raise PolicyError("dimensions: none of those in profiles has two values; canaries need one")
    return found
