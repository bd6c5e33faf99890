"""Sample sizes of a black-box audit."""

from dataclasses import dataclass
from typing import Final

ATTEMPTS: Final = 3
"""How often planting is tried, each time with more time for it."""
LEAD_FACTOR: Final = 3
"""Factor by which the time for planting grows with each attempt."""
PATIENCE_MS: Final = 300_000
"""A release that is later than this is considered missing. A busy machine is no fault."""


@dataclass(frozen=True)
class CampaignScale:
    """Numbers of canaries and requests.

    Args:
        lead_seconds: time for planting, before the first release.
        rounds: epochs in which likes are sent.
        members: targets of membership inference, each with one coin per round.
        sure_guesses: number of these coins that the one-run audit guesses, those with the largest scores.
        trackers: targets with a cell that is too small to be shown.
        thresholds: targets with k−1 sybils and a victim; the same number is at the margin.
        reconstructions: targets whose likes are reconstructed.
        repetitions: reads of one number.
        timings: timed requests of each kind.
        quiet_seconds: time without releases that is needed to compare answers.
        appearance_lead_seconds: time for planting the pairs whose releases are watched.
        appearance_pairs: pairs that are watched together.
        appearance_phases: seconds of an epoch at which other pairs are released.
        appearance_waves: how often such pairs are planted.
        appearance_epochs: releases of each pair.
        audiences: hashtags of which the audience is attacked.
        audience_share: part of their period that must be left when their likes are sent; if less is, the
            attack waits for the next one.
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
    quiet_seconds: int
    appearance_lead_seconds: int
    appearance_pairs: int
    appearance_phases: int
    appearance_waves: int
    appearance_epochs: int
    audiences: int
    audience_share: float

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__.keys() - {"audience_share"}:
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: is {getattr(self, name)}; at least 1")
        if not 0 < self.audience_share < 1:
            raise ValueError(f"audience_share: is {self.audience_share}; between 0 and 1")


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
    quiet_seconds=1_500,
    appearance_lead_seconds=8,
    appearance_pairs=8,
    appearance_phases=3,
    appearance_waves=3,
    appearance_epochs=20,
    audiences=60,
    audience_share=0.9,
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
    quiet_seconds=250,
    appearance_lead_seconds=4,
    appearance_pairs=8,
    appearance_phases=3,
    appearance_waves=2,
    appearance_epochs=2,
    audiences=8,
    audience_share=0.5,
)
