"""Worlds for `bench reach`: exact counts of videos and of creators' audiences.

Counts are made directly, without a store: nothing of Likewise but the simulation and the domains is used.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from api.http.system import clock_ms
from api.replay.recording import parse_video_id, read_events, read_videos
from api.replay.records import ActionKind, TimedRecord
from api.simulation.feed import RHYTHM
from api.simulation.platform import HISTORY_DAYS, SimulatedPlatform
from api.simulation.population import PRIVATE_SHARE, SILENT_SHARE, Population
from api.simulation.videos import TOPICS, VideoCatalogue
from bench.reach_model import Counts
from privacy.mechanism.accounting import TOTAL
from privacy.model.audience import period_start_ms
from privacy.model.dimension import HOUR_OF_DAY
from privacy.model.timestamp import MS_PER_DAY, MS_PER_HOUR, SECONDS_PER_DAY, parse_timestamp_ms
from privacy.policy.policy import Policy

WEEKS_PER_BLOCK: Final = 4
BLOCK_SECONDS: Final = WEEKS_PER_BLOCK * 7 * SECONDS_PER_DAY
_BLOCK: Final = 744
"""The block of four weeks that the simulated history fills."""
_SEED: Final = 1
_VIDEOS, _CREATORS = 20_000, 2_000
_PARETO: Final = 1.1
_LEAST_LIKES: Final = 10
_NEW_ACCOUNT_SHARE: Final = 0.75
"""Of a creator's likes in a block, the share that comes from accounts without an earlier one."""
_AGE_DAYS: Final = 30


@dataclass(frozen=True)
class World:
    """Exact counts of a platform.

    Args:
        name: for readers.
        videos: counts of the videos, each at its own age.
        ages_seconds: of the videos, shape (videos,).
        audiences: accounts of each creator's audience in a block of four weeks; None without creators.
        weeks: the same totals in the last week of the block, shape (creators,).
    """

    name: str
    videos: Counts
    ages_seconds: NDArray[np.int64]
    audiences: Counts | None = None
    weeks: NDArray[np.int64] | None = None


@dataclass(frozen=True)
class Profile:
    """Shares of the cells in a population.

    Args:
        shares: by dimension, shape (cells,); the last cell is for undisclosed values.
    """

    shares: Mapping[str, NDArray[np.float64]]

    @classmethod
    def of_topics(cls, policy: Policy) -> list[Profile]:
        """Returns the profiles of the audiences of the simulated topics."""
        traits = Population.generate(policy, np.random.default_rng([_SEED, 0])).traits
        catalogue = VideoCatalogue(_SEED, 0)
        profiles = []
        for topic in TOPICS:
            shares = {HOUR_OF_DAY: _add_private(np.append(RHYTHM, 0.0))}
            for trait, appeal in zip(traits, catalogue.appeal(topic, traits), strict=True):
                accounts = np.append(trait.shares * (1 - SILENT_SHARE), SILENT_SHARE)
                shares[trait.name] = _add_private(accounts * appeal)
            profiles.append(cls(shares))
        return profiles

    @property
    def disclosed(self) -> Profile:
        """The profile of those who disclose everything."""
        shares = {name: np.append(each[:-1], 0.0) / each[:-1].sum() for name, each in self.shares.items()}
        return Profile(shares)

    def expect(self, sizes: NDArray[np.int64]) -> Counts:
        """Returns the counts of crowds with exactly these shares, rounded."""
        return {TOTAL: sizes[:, None]} | {
            name: np.rint(sizes[:, None] * shares).astype(np.int64) for name, shares in self.shares.items()
        }


def _add_private(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the shares of cells if some accounts are private; the last cell is for undisclosed values."""
    shares: NDArray[np.float64] = weights / weights.sum() * (1 - PRIVATE_SHARE)
    shares[-1] += PRIVATE_SHARE
    return shares


def make_heavy_tailed_world(policy: Policy) -> World:
    """Makes 20,000 videos of 2,000 creators, whose likes have a Pareto distribution.

    Creators have the topics of the simulation in turn.
    """
    generator = np.random.default_rng(_SEED)
    likes = (_LEAST_LIKES * (1 + generator.pareto(_PARETO, (_CREATORS, _VIDEOS // _CREATORS)))).astype(
        np.int64
    )
    accounts = (likes.sum(axis=1) * _NEW_ACCOUNT_SHARE).astype(np.int64)
    profiles = Profile.of_topics(policy)
    topics = np.arange(_CREATORS) % len(profiles)
    return World(
        f"{_VIDEOS:,} videos of {_CREATORS:,} creators, Pareto {_PARETO}",
        _draw(likes.ravel(), np.repeat(topics, likes.shape[1]), profiles, generator),
        np.full(_VIDEOS, _AGE_DAYS * SECONDS_PER_DAY),
        _draw(accounts, topics, profiles, generator),
        accounts // WEEKS_PER_BLOCK,
    )


def _draw(
    sizes: NDArray[np.int64],
    topics: NDArray[np.intp],
    profiles: Sequence[Profile],
    generator: np.random.Generator,
) -> Counts:
    """Draws the cells of crowds.

    Args:
        sizes: of the crowds, shape (rows,).
        topics: index of each crowd's profile, the same shape.
        profiles: of the topics.
        generator: of the simulation.
    """
    return {TOTAL: sizes[:, None]} | {
        name: generator.multinomial(sizes, np.stack([each.shares[name] for each in profiles])[topics])
        for name in profiles[0].shares
    }


class _Event(msgspec.Struct):
    """What an event says."""

    type: str
    account_id: str
    occurred_at: str
    video_id: str = ""
    profile: dict[str, str] = {}
    visibility: str = "public"


class Like(NamedTuple):
    """A like.

    Args:
        at_ms: time of the like.
        account: id of the account.
        video: index of the video.
        cells: index of its cell in each dimension.
        stays: whether it is never taken back.
    """

    at_ms: int
    account: str
    video: int
    cells: tuple[int, ...]
    stays: bool = True


@dataclass(frozen=True)
class History:
    """Likes of a history.

    Args:
        policy: its dimensions are counted.
        videos: id of each video.
    """

    policy: Policy
    videos: Sequence[str]

    def read(self, events: Iterable[TimedRecord]) -> list[Like]:
        """Returns the first like of each account and video, in order; children's are left out."""
        places = {video_id: place for place, video_id in enumerate(self.videos)}
        decode = msgspec.json.Decoder(_Event).decode
        likes: dict[tuple[str, int], Like] = {}
        for record in events:
            event = decode(record.line)
            place = places.get(event.video_id)
            if place is None or event.profile.get("age_band") in self.policy.dropped_age_bands:
                continue
            key = event.account_id, place
            if event.type == "like" and key not in likes:
                at_ms = parse_timestamp_ms(event.occurred_at)
                likes[key] = Like(at_ms, event.account_id, place, self._locate(event, at_ms))
            elif event.type in {"like", "unlike"} and key in likes:
                likes[key] = likes[key]._replace(stays=event.type == "like")
        return sorted(likes.values())

    def _locate(self, event: _Event, at_ms: int) -> tuple[int, ...]:
        """Returns the index of an event's cell in each dimension."""
        hour = f"{at_ms // MS_PER_HOUR % 24:02d}"
        said = {} if event.visibility == "private" else event.profile | {HOUR_OF_DAY: hour}
        return tuple(
            cells.get(said.get(name, ""), len(cells)) for name, cells in self._cells_by_dimension.items()
        )

    @cached_property
    def _cells_by_dimension(self) -> dict[str, dict[str, int]]:
        return {
            dimension.name: {value: place for place, value in enumerate(dimension.values)}
            for dimension in self.policy.domain.dimensions
        }

    def count(self, rows: Sequence[int], likes: Sequence[Like], size: int) -> Counts:
        """Counts likes by row and cell."""
        row = np.array(rows, np.intp)
        counts: dict[str, NDArray[np.int64]] = {TOTAL: np.bincount(row, minlength=size)[:, None]}
        for place, (name, cells) in enumerate(self._cells_by_dimension.items()):
            width = len(cells) + 1
            cell = np.array([like.cells[place] for like in likes], np.intp)
            counts[name] = np.bincount(row * width + cell, minlength=size * width).reshape(size, width)
        return counts


def make_simulated_world(policy: Policy) -> World:
    """Counts the four simulated weeks of `make run`, at the end of a block."""
    started_at_ms = period_start_ms(_BLOCK, BLOCK_SECONDS)
    until_ms = started_at_ms + HISTORY_DAYS * MS_PER_DAY
    platform = SimulatedPlatform(policy, _SEED, started_at_ms)
    videos = platform.catalogue.videos(until_ms)
    history = History(policy, [video.video_id for video in videos])
    purged = {action.account_id for action in platform.purges(until_ms) if action.kind is ActionKind.PURGE}
    likes = [like for like in history.read(platform.history(until_ms)) if like.account not in purged]
    staying = [like for like in likes if like.stays]
    creator_ids = sorted({video.creator_id for video in videos})
    creators = [creator_ids.index(video.creator_id) for video in videos]
    block = _first_likes(creators, likes)
    week = _first_likes(creators, [like for like in likes if like.at_ms >= until_ms - 7 * MS_PER_DAY])
    return World(
        "the four weeks of `make run`",
        history.count([like.video for like in staying], staying, len(videos)),
        np.array([(until_ms - video.posted_at_ms) // 1000 for video in videos]),
        history.count([creators[like.video] for like in block], block, len(creator_ids)),
        np.bincount([creators[like.video] for like in week], minlength=len(creator_ids)),
    )


def make_recorded_world(policy: Policy, folder: Path) -> World:
    """Counts a recorded history, at its end.

    Args:
        policy: its dimensions are counted.
        folder: with the files `videos.ndjson.gz` and `likes.ndjson.gz`.
    """
    videos = read_videos(folder / "videos.ndjson.gz")
    history = History(policy, [parse_video_id(video) for video in videos])
    likes = history.read(read_events(folder / "likes.ndjson.gz", clock_ms))
    staying = [like for like in likes if like.stays]
    until_ms = likes[-1].at_ms
    return World(
        f"the recording in {folder.name}: {len(likes):,} likes of {len(videos):,} videos",
        history.count([like.video for like in staying], staying, len(videos)),
        np.array([(until_ms - video.at_ms) // 1000 for video in videos]),
    )


def _first_likes(creators: Sequence[int], likes: Iterable[Like]) -> list[Like]:
    """Returns the first like of each account on any video of each creator.

    Args:
        creators: index of each video's creator.
        likes: in order.
    """
    first: dict[tuple[int, str], Like] = {}
    for like in likes:
        first.setdefault((creators[like.video], like.account), like)
    return list(first.values())
