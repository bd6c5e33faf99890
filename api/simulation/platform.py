"""A simulated platform: its crowd, its videos, its feed, and the history that it has had."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

from api.replay.records import Action, ActionKind, TimedRecord
from api.simulation.accounts import Population
from api.simulation.feed import BOTS, BURSTS_PER_DAY, MS_PER_WEEK, RHYTHM, Feed, bot_id
from api.simulation.videos import VideoCatalogue
from privacy.model.timestamp import MS_PER_DAY, MS_PER_HOUR
from privacy.policy.policy import Policy

if TYPE_CHECKING:
    from numpy.typing import NDArray

HISTORY_DAYS: Final = 28
HISTORY_LIKES: Final = 150_000


def opening_ms(now_ms: int) -> int:
    """When a platform opened that has a whole history now: on the hour."""
    return now_ms // MS_PER_HOUR * MS_PER_HOUR - HISTORY_DAYS * MS_PER_DAY


@dataclass(frozen=True)
class SimulatedPlatform:
    """One platform; policy, seed and start decide everything about it.

    Args:
        policy: its domains are what accounts say of themselves.
        seed: of everything that looks random.
        started_at_ms: when the platform opened, on the hour.
    """

    policy: Policy
    seed: int
    started_at_ms: int

    @cached_property
    def studio(self) -> VideoCatalogue:
        """Its videos."""
        return VideoCatalogue(self.seed, self.started_at_ms)

    def feed(self, stream: int, bursts_a_day: float = BURSTS_PER_DAY) -> Feed:
        """Its events.

        Args:
            stream: two feeds of one world, for its past and for its present, differ by this number.
            bursts_a_day: how often likes are bought.
        """
        crowd = Population.of(self.policy, np.random.default_rng([self.seed, 0]))
        return Feed(
            crowd,
            self.studio,
            tuple(self.policy.budgets),
            np.random.default_rng([self.seed, 3, stream]),
            bursts_a_day,
        )

    def purges(self, until_ms: int) -> list[Action]:
        """What staff did about bots: those of each week are found out a day after its end."""
        weeks = range(self.started_at_ms // MS_PER_WEEK, until_ms // MS_PER_WEEK)
        return [
            Action(found_out_ms, ActionKind.PURGE, bot_id(week * MS_PER_WEEK, bot))
            for week in weeks
            if (found_out_ms := (week + 1) * MS_PER_WEEK + MS_PER_DAY) < until_ms
            for bot in range(BOTS)
        ]

    def history(self, until_ms: int) -> Iterator[TimedRecord]:
        """What happened from the start on: the more there is to see, the more is liked.

        Args:
            until_ms: the end, not included; `HISTORY_LIKES` happen on average if it is `HISTORY_DAYS` after
                the start.
        """
        feed = self.feed(0)
        whole = self._busyness(self.started_at_ms + HISTORY_DAYS * MS_PER_DAY)
        likes = self._busyness(until_ms) * HISTORY_LIKES / whole.sum()
        for hour, expected in enumerate(likes.tolist()):
            from_ms = self.started_at_ms + hour * MS_PER_HOUR
            stretch_ms = min(MS_PER_HOUR, until_ms - from_ms)
            yield from feed.events(from_ms, from_ms + stretch_ms, expected * stretch_ms / MS_PER_HOUR)

    def _busyness(self, until_ms: int) -> NDArray[np.float64]:
        """How busy each hour since the start is, in no unit, shape (hours,)."""
        hours = np.arange(self.started_at_ms, until_ms, MS_PER_HOUR)
        attention = [
            sum(video.attention(hour) for video in self.studio.videos(hour + 1)) for hour in hours.tolist()
        ]
        return np.array(attention) * RHYTHM[hours // MS_PER_HOUR % 24]
