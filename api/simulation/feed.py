"""Generates the events of a simulated platform: likes in a daily rhythm, and what accompanies them."""

from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from api.replay.records import TimedRecord
from api.simulation.population import ACCOUNTS, Population
from api.simulation.videos import Video, VideoCatalogue
from privacy.model.engagement import Kind
from privacy.model.timestamp import MS_PER_DAY, MS_PER_MINUTE, format_timestamp

UNLIKE_SHARE: Final = 0.04
ENGAGEMENTS_PER_LIKE: Final = {Kind.FAVORITE: 0.1, Kind.FOLLOW: 0.05}
"""Share of likes that come with a favourite of the video or a follow of its creator."""
BURSTS_PER_DAY: Final = 0.5
_BURST_LIKES: Final = (450, 800)
MS_PER_WEEK: Final = 7 * MS_PER_DAY
_BURST_MS: Final = 10 * MS_PER_MINUTE
BOTS: Final = 800
"""Number of bots per week; later weeks use different ids."""
_REMEMBERED_LIKES: Final = 5_000

RHYTHM: Final = 1 + 0.6 * np.sin((np.arange(24) - 13) / 24 * 2 * np.pi)
"""Relative activity in each hour of a UTC day: 1 on average, largest at 19:00."""


class _Like(NamedTuple):
    account: str
    profile: str
    video_id: str
    creator_id: str


class Burst(NamedTuple):
    """A burst of bought likes.

    Args:
        at_ms: start of the burst.
        bots: ids of the accounts.
    """

    at_ms: int
    bots: tuple[str, ...]


def bot_id(moment_ms: int, bot: int) -> str:
    """Returns the account id of a bot that is active at a moment."""
    return f"b-{moment_ms // MS_PER_WEEK}-{bot}"


@dataclass
class Feed:
    """Events of a simulated platform, interval by interval.

    Args:
        population: the accounts.
        catalogue: the videos.
        kinds: kinds of engagement that the policy counts.
        random: seeded; the same intervals give the same events.
        bursts_per_day: average number of bursts of bought likes.
    """

    population: Population
    catalogue: VideoCatalogue
    kinds: Collection[Kind]
    random: np.random.Generator
    bursts_per_day: float = BURSTS_PER_DAY
    bursts: list[Burst] = field(default_factory=list, init=False)
    """Bursts so far."""
    _recent: deque[_Like] = field(default_factory=lambda: deque(maxlen=_REMEMBERED_LIKES), init=False)

    def __post_init__(self) -> None:
        self._audience_weights = cache(self._calculate_audience_weights)

    def events(self, from_ms: int, until_ms: int, likes: float) -> list[TimedRecord]:
        """Generates the events of one interval, in order.

        Args:
            from_ms: start of the interval.
            until_ms: end of the interval, exclusive.
            likes: average number of likes.
        """
        videos = self.catalogue.videos(from_ms + 1)
        attention = np.array([video.attention(from_ms) for video in videos])
        if not attention.sum():
            return []
        counts = self.random.poisson(likes * attention / attention.sum())
        events = [
            (at_ms, "like", like)
            for video, count in zip(videos, counts.tolist(), strict=True)
            for at_ms, like in self._draw_likes(video, count, from_ms, until_ms)
        ]
        events += self._draw_unlikes(from_ms, until_ms, int(self.random.poisson(likes * UNLIKE_SHARE)))
        events += self._join_engagements([like for like in events if like[1] == "like"])
        events += self._draw_burst(videos, from_ms, until_ms)
        self._recent.extend(like for _, kind, like in events if kind == "like")
        return [_make_record(*event) for event in sorted(events)]

    def _join_engagements(self, likes: Sequence[tuple[int, str, _Like]]) -> list[tuple[int, str, _Like]]:
        """Draws favourites and follows, each at the time of a like."""
        return [
            (at_ms, kind.label, like)
            for kind, share in ENGAGEMENTS_PER_LIKE.items()
            if kind in self.kinds
            for (at_ms, _, like), drawn in zip(likes, self.random.random(len(likes)).tolist(), strict=True)
            if drawn < share
        ]

    def _draw_likes(self, video: Video, count: int, from_ms: int, until_ms: int) -> list[tuple[int, _Like]]:
        accounts = self._draw_audience(video.topic, count).tolist()
        times = self.random.integers(from_ms, until_ms, len(accounts)).tolist()
        return [
            (
                at_ms,
                _Like(f"u-{account}", self.population.profile_of(account), video.video_id, video.creator_id),
            )
            for at_ms, account in zip(times, accounts, strict=True)
        ]

    def _draw_audience(self, topic: str, count: int) -> NDArray[np.intp]:
        """Draws accounts that like a video, with repetitions."""
        weights = self._audience_weights(topic)
        accounts: NDArray[np.intp] = np.searchsorted(weights, self.random.random(count) * weights[-1])
        return accounts

    def _calculate_audience_weights(self, topic: str) -> NDArray[np.float64]:
        """Returns the cumulative appeal of a topic to the accounts, shape (accounts,)."""
        liking = np.ones(ACCOUNTS)
        for trait, appeal in zip(
            self.population.traits, self.catalogue.appeal(topic, self.population.traits), strict=True
        ):
            liking *= appeal[trait.of_account]
        return liking.cumsum()

    def _draw_unlikes(self, from_ms: int, until_ms: int, count: int) -> list[tuple[int, str, _Like]]:
        if not self._recent:
            return []
        indices = self.random.integers(0, len(self._recent), count).tolist()
        times = self.random.integers(from_ms, until_ms, count).tolist()
        return [(at_ms, "unlike", self._recent[index]) for at_ms, index in zip(times, indices, strict=True)]

    def _draw_burst(
        self, videos: Sequence[Video], from_ms: int, until_ms: int
    ) -> list[tuple[int, str, _Like]]:
        """Draws a burst of bought likes: many similar accounts within minutes."""
        if self.random.random() >= self.bursts_per_day * (until_ms - from_ms) / MS_PER_DAY:
            return []
        video = videos[int(self.random.integers(len(videos)))]
        bots = self.random.choice(BOTS, int(self.random.integers(*_BURST_LIKES)), replace=False).tolist()
        times = self.random.integers(from_ms, min(until_ms, from_ms + _BURST_MS), len(bots)).tolist()
        profile = self.population.profile_of(0)
        self.bursts.append(Burst(from_ms, tuple(bot_id(from_ms, bot) for bot in bots)))
        return [
            (at_ms, "like", _Like(bot_id(from_ms, bot), profile, video.video_id, video.creator_id))
            for at_ms, bot in zip(times, bots, strict=True)
        ]


def _make_record(at_ms: int, kind: str, like: _Like) -> TimedRecord:
    follows = kind == Kind.FOLLOW.label
    target = f'"creator_id":"{like.creator_id}"' if follows else f'"video_id":"{like.video_id}"'
    text = (
        f'{{"type":"{kind}","account_id":"{like.account}",{target},'
        f'"occurred_at":"{format_timestamp(at_ms)}"{like.profile}}}'
    )
    return TimedRecord(at_ms, text.encode())
