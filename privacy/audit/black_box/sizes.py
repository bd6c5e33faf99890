"""How much a black-box audit tries."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CampaignScale:
    """Numbers of canaries and requests.

    Args:
        lead_seconds: time for planting, before the first release.
        rounds: epochs in which likes come in.
        members: targets of membership inference, each with one coin a round.
        sure_guesses: of all those coins, how many the one-run audit guesses: the surest ones.
        trackers: targets with a cell that is too small to be shown.
        thresholds: targets with k−1 sybils and a victim, and as many at the margin.
        reconstructions: targets whose likes are reconstructed.
        repetitions: how often one number is asked for.
        timings: requests of each kind whose time is taken.
        still_seconds: for so long nothing may be released while answers are compared.
    """

    lead_seconds: int
    rounds: int
    members: int
    sure_guesses: int
    trackers: int
    thresholds: int
    reconstructions: int
    repetitions: int
    timings: int
    still_seconds: int

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__:
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: is {getattr(self, name)}; at least 1")


WHOLE = CampaignScale(
    lead_seconds=75,
    rounds=20,
    members=1_000,
    sure_guesses=2_000,
    trackers=200,
    thresholds=500,
    reconstructions=50,
    repetitions=10_000,
    timings=10_000,
    still_seconds=1_500,
)
QUICK = CampaignScale(
    lead_seconds=10,
    rounds=6,
    members=60,
    sure_guesses=200,
    trackers=60,
    thresholds=60,
    reconstructions=20,
    repetitions=500,
    timings=500,
    still_seconds=250,
)
