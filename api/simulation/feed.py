"""What happens on a simulated platform: likes by a daily rhythm, and what goes with them; likes from bots."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from api.replay.records import TimedRecord
from api.simulation.accounts import ACCOUNTS, Population
from api.simulation.videos import Video, VideoCatalogue
from privacy.model.engagement import Kind
from privacy.model.timestamp import MS_PER_DAY, MS_PER_MINUTE, format_timestamp

if TYPE_CHECKING:
    from numpy.typing import NDArray

UNLIKE_SHARE: Final = 0.04
ALONG_WITH_A_LIKE: Final = {Kind.FAVORITE: 0.1, Kind.FOLLOW: 0.05}
"""How often who likes a video also keeps it as a favourite, or follows its creator."""
BURSTS_PER_DAY: Final = 0.5
_BURST_LIKES: Final = (450, 800)
MS_PER_WEEK: Final = 7 * MS_PER_DAY
_BURST_MS: Final = 10 * MS_PER_MINUTE
BOTS: Final = 800
"""Those of one week; the next ones have other names."""
_REMEMBERED_LIKES: Final = 5_000

RHYTHM: Final = 1 + 0.6 * np.sin((np.arange(24) - 13) / 24 * 2 * np.pi)
"""How busy each hour of a UTC day is: 1 on average, busiest at 19 o'clock."""


class _Like(NamedTuple):
    account: str
    said: str
    video_id: str
    creator_id: str


class Burst(NamedTuple):
    """Likes that somebody bought.

    Args:
        at_ms: when they began.
        bots: the accounts.
    """

    at_ms: int
    bots: tuple[str, ...]


def bot_id(moment_ms: int, bot: int) -> str:
    """The account of a bot that is at work at a moment."""
    return f"b-{moment_ms // MS_PER_WEEK}-{bot}"


@dataclass
class Feed:
    """Events of a simulated platform, stretch of time by stretch of time.

    Args:
        crowd: who likes.
        studio: what is liked.
        kinds: what the policy counts.
        random: seeded; the same stretches give the same events.
        bursts_a_day: how often likes are bought.
    """

    crowd: Population
    studio: VideoCatalogue
    kinds: Collection[Kind]
    random: np.random.Generator
    bursts_a_day: float = BURSTS_PER_DAY
    bursts: list[Burst] = field(default_factory=list, init=False)
    """Those so far."""
    _recent: deque[_Like] = field(default_factory=lambda: deque(maxlen=_REMEMBERED_LIKES), init=False)

    def __post_init__(self) -> None:
        self._reach = cache(self._reach_of)

    def events(self, from_ms: int, until_ms: int, likes: float) -> list[TimedRecord]:
        """What happens in one stretch of time, in order.

        Args:
            from_ms: its start.
            until_ms: its end, not included.
            likes: how many likes there are on average.
        """
        videos = self.studio.videos(from_ms + 1)
        attention = np.array([video.attention(from_ms) for video in videos])
        if not attention.sum():
            return []
        counts = self.random.poisson(likes * attention / attention.sum())
        events = [
            (at_ms, "like", like)
            for video, count in zip(videos, counts.tolist(), strict=True)
            for at_ms, like in self._likes(video, count, from_ms, until_ms)
        ]
        events += self._unlikes(from_ms, until_ms, int(self.random.poisson(likes * UNLIKE_SHARE)))
        events += self._along([like for like in events if like[1] == "like"])
        events += self._burst(videos, from_ms, until_ms)
        self._recent.extend(like for _, kind, like in events if kind == "like")
        return [_moment(*event) for event in sorted(events)]

    def _along(self, likes: Sequence[tuple[int, str, _Like]]) -> list[tuple[int, str, _Like]]:
        """Favourites and follows, each at the moment of a like."""
        return [
            (at_ms, kind.label, like)
            for kind, share in ALONG_WITH_A_LIKE.items()
            if kind in self.kinds
            for (at_ms, _, like), drawn in zip(likes, self.random.random(len(likes)).tolist(), strict=True)
            if drawn < share
        ]

    def _likes(self, video: Video, count: int, from_ms: int, until_ms: int) -> list[tuple[int, _Like]]:
        accounts = self._audience(video.topic, count).tolist()
        times = self.random.integers(from_ms, until_ms, len(accounts)).tolist()
        return [
            (at_ms, _Like(f"u-{account}", self.crowd.profile_of(account), video.video_id, video.creator_id))
            for at_ms, account in zip(times, accounts, strict=True)
        ]

    def _audience(self, topic: str, count: int) -> NDArray[np.intp]:
        """Accounts that like a video; one that comes across it twice may like it twice."""
        reach = self._reach(topic)
        accounts: NDArray[np.intp] = np.searchsorted(reach, self.random.random(count) * reach[-1])
        return accounts

    def _reach_of(self, topic: str) -> NDArray[np.float64]:
        """How much a topic appeals to all accounts up to each one, shape (accounts,)."""
        liking = np.ones(ACCOUNTS)
        for trait, appeal in zip(
            self.crowd.traits, self.studio.appeal(topic, self.crowd.traits), strict=True
        ):
            liking *= appeal[trait.of_account]
        return liking.cumsum()

    def _unlikes(self, from_ms: int, until_ms: int, count: int) -> list[tuple[int, str, _Like]]:
        if not self._recent:
            return []
        places = self.random.integers(0, len(self._recent), count).tolist()
        times = self.random.integers(from_ms, until_ms, count).tolist()
        return [(at_ms, "unlike", self._recent[place]) for at_ms, place in zip(times, places, strict=True)]

    def _burst(self, videos: Sequence[Video], from_ms: int, until_ms: int) -> list[tuple[int, str, _Like]]:
        """Likes that somebody bought: many accounts that look alike, within minutes."""
        if self.random.random() >= self.bursts_a_day * (until_ms - from_ms) / MS_PER_DAY:
            return []
        video = videos[int(self.random.integers(len(videos)))]
        bots = self.random.choice(BOTS, int(self.random.integers(*_BURST_LIKES)), replace=False).tolist()
        times = self.random.integers(from_ms, min(until_ms, from_ms + _BURST_MS), len(bots)).tolist()
        said = self.crowd.profile_of(0)
        self.bursts.append(Burst(from_ms, tuple(bot_id(from_ms, bot) for bot in bots)))
        return [
            (at_ms, "like", _Like(bot_id(from_ms, bot), said, video.video_id, video.creator_id))
            for at_ms, bot in zip(times, bots, strict=True)
        ]


def _moment(at_ms: int, kind: str, like: _Like) -> TimedRecord:
    follows = kind == Kind.FOLLOW.label
    target = f'"creator_id":"{like.creator_id}"' if follows else f'"video_id":"{like.video_id}"'
    text = (
        f'{{"type":"{kind}","account_id":"{like.account}",{target},'
        f'"occurred_at":"{format_timestamp(at_ms)}"{like.said}}}'
    )
    return TimedRecord(at_ms, text.encode())
