"""A simulated platform: its population, videos, events and history."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from api.replay.records import Action, ActionKind, TimedRecord
from api.simulation.feed import BOTS, BURSTS_PER_DAY, MS_PER_WEEK, RHYTHM, Feed, bot_id
from api.simulation.population import Population
from api.simulation.videos import VideoCatalogue
from privacy.model.timestamp import MS_PER_DAY, MS_PER_HOUR
from privacy.policy.policy import Policy

HISTORY_DAYS: Final = 28
HISTORY_LIKES: Final = 150_000


def opening_ms(now_ms: int) -> int:
    """Returns the opening time of a platform that has a full history now, on the hour."""
    return now_ms // MS_PER_HOUR * MS_PER_HOUR - HISTORY_DAYS * MS_PER_DAY


@dataclass(frozen=True)
class SimulatedPlatform:
    """One platform, determined by policy, seed and start.

    Args:
        policy: defines the domains of the profiles.
        seed: of all random choices.
        started_at_ms: opening of the platform, on the hour.
    """

    policy: Policy
    seed: int
    started_at_ms: int

    @cached_property
    def catalogue(self) -> VideoCatalogue:
        """The platform's videos."""
        return VideoCatalogue(self.seed, self.started_at_ms)

    def count_hours(self, until_ms: int) -> int:
        """Returns the number of whole hours since the opening."""
        return (until_ms - self.started_at_ms) // MS_PER_HOUR

    def feed(self, stream: int, bursts_per_day: float = BURSTS_PER_DAY) -> Feed:
        """Creates a feed of events.

        Args:
            stream: number of the random stream; the history and live traffic use different ones.
            bursts_per_day: average number of bursts of bought likes.
        """
        population = Population.generate(self.policy, np.random.default_rng([self.seed, 0]))
        return Feed(
            population,
            self.catalogue,
            tuple(self.policy.budgets),
            np.random.default_rng([self.seed, 3, stream]),
            bursts_per_day,
        )

    def purges(self, until_ms: int) -> list[Action]:
        """Returns the purges of bots: those of each week are detected a day after its end."""
        weeks = range(self.started_at_ms // MS_PER_WEEK, until_ms // MS_PER_WEEK)
        return [
            Action(detected_at_ms, ActionKind.PURGE, bot_id(week * MS_PER_WEEK, bot))
            for week in weeks
            if (detected_at_ms := (week + 1) * MS_PER_WEEK + MS_PER_DAY) < until_ms
            for bot in range(BOTS)
        ]

    def history(self, until_ms: int) -> Iterator[TimedRecord]:
        """Generates the events from the start; the number of likes grows with the number of videos.

        Args:
            until_ms: end, exclusive. A history of `HISTORY_DAYS` has `HISTORY_LIKES` likes on average.
        """
        feed = self.feed(0)
        whole = self._activity(self.started_at_ms + HISTORY_DAYS * MS_PER_DAY)
        likes = self._activity(until_ms) * HISTORY_LIKES / whole.sum()
        for hour, expected in enumerate(likes.tolist()):
            from_ms = self.started_at_ms + hour * MS_PER_HOUR
            stretch_ms = min(MS_PER_HOUR, until_ms - from_ms)
            yield from feed.events(from_ms, from_ms + stretch_ms, expected * stretch_ms / MS_PER_HOUR)

    def _activity(self, until_ms: int) -> NDArray[np.float64]:
        """Returns the relative activity in each hour since the start, shape (hours,)."""
        hours = np.arange(self.started_at_ms, until_ms, MS_PER_HOUR)
        attention = [
            sum(video.attention(hour) for video in self.catalogue.videos(hour + 1)) for hour in hours.tolist()
        ]
        return np.array(attention) * RHYTHM[hours // MS_PER_HOUR % 24]
