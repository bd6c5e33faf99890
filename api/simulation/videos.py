"""Generates the videos of a simulated platform, posted at regular intervals."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from api.replay.records import TimedRecord
from api.simulation.population import Trait
from privacy.model.timestamp import MS_PER_HOUR, format_timestamp

HOURS_BETWEEN_VIDEOS: Final = 11
"""Coprime to 24, so videos are posted at every hour of the day; on the hour, so that releases coincide."""
RANKS: Final = 60
"""Number of consecutive videos that share one Zipf distribution."""

_NAMES: Final = (
    *("Anna bakes", "Kick Off", "Mirror, Mirror", "Two Cats", "Null Pointer", "Slow Trains"),
    *("Left Foot First", "Balcony Farm", "Rye and Shine", "Extra Time", "Third Kitten", "Off by One"),
)
_CREATORS: Final = len(_NAMES)
_SOUNDS: Final = 18
TOPICS: Final = {
    "baking": ("Sourdough in 40 seconds", "The crispest croissant", "Bread for beginners"),
    "football": ("The goal of the week", "How to bend a free kick", "Keeper of the year"),
    "makeup": ("Five-minute morning look", "Eyeliner without tears", "Red lips, two ways"),
    "cats": ("Cat against cucumber", "He does this every night", "Three kittens, one box"),
    "coding": ("One regex to rule them all", "Debugging at 3 a.m.", "My desk in 2 m²"),
    "travel": ("48 hours in Lisbon", "The night train to Warsaw", "Street food of Jakarta"),
    "dance": ("The step everybody tries", "Slow motion, full speed", "Grandma joins in"),
    "gardening": ("Tomatoes on a balcony", "Save this plant", "Compost, explained"),
}
_FADING_HOURS: Final = 18.0
_LONG_TAIL: Final = 0.004
_TASTE: Final = 0.9
"""Standard deviation of the logarithm of a topic's appeal to the values of a dimension."""


@dataclass(frozen=True)
class Video:
    """One video.

    Args:
        number: from 0, in the order of posting.
        posted_at_ms: time of posting.
        topic: decides which accounts it appeals to.
        popularity: share of attention, by Zipf's law.
    """

    number: int
    posted_at_ms: int
    topic: str
    popularity: float

    @property
    def video_id(self) -> str:
        """Id of the video."""
        return f"v-{self.number + 1:04d}"

    @property
    def creator_id(self) -> str:
        """Id of its creator."""
        return _creator_id(self.number * 5 % _CREATORS)

    def attention(self, now_ms: int) -> float:
        """Returns the attention it draws, which fades with age but never to zero."""
        age_hours = (now_ms - self.posted_at_ms) / MS_PER_HOUR
        fading: float = (1 + age_hours / _FADING_HOURS) ** -1.5
        return self.popularity * (fading + _LONG_TAIL)

    def registration(self) -> TimedRecord:
        """Returns the registration that the platform sends when the video is posted."""
        titles = TOPICS[self.topic]
        metadata = {
            "video_id": self.video_id,
            "posted_at": format_timestamp(self.posted_at_ms),
            "creator_id": self.creator_id,
            "title": titles[self.number % len(titles)],
            "hashtags": [self.topic, "foryou"] if self.number % 3 else [self.topic],
            "sound_id": f"s-{self.number * 7 % _SOUNDS + 1:02d}",
            "duration_seconds": 15 + self.number * 11 % 165,
        }
        return TimedRecord(self.posted_at_ms, json.dumps(metadata, ensure_ascii=False).encode())


def _creator_id(number: int) -> str:
    return f"c-{number + 1:02d}"


class VideoCatalogue:
    """All videos; the n-th one depends only on the seed and on n.

    Args:
        seed: of the simulation.
        first_ms: time at which the first one is posted.
    """

    def __init__(self, seed: int, first_ms: int) -> None:
        self._seed = seed
        self._first_ms = first_ms
        self._made: list[Video] = []

    def creators(self) -> list[TimedRecord]:
        """Returns the registrations of the creators, sent when the platform opens."""
        start = format_timestamp(self._first_ms)
        return [
            TimedRecord(
                self._first_ms,
                json.dumps({"creator_id": _creator_id(number), "counted_from": start, "name": name}).encode(),
            )
            for number, name in enumerate(_NAMES)
        ]

    def videos(self, until_ms: int) -> list[Video]:
        """Returns every video that is posted before a moment, in order."""
        step_ms = HOURS_BETWEEN_VIDEOS * MS_PER_HOUR
        count = max(0, -((self._first_ms - until_ms) // step_ms))
        self._made += [self._make_video(number) for number in range(len(self._made), count)]
        return self._made[:count]

    def appeal(self, topic: str, traits: Sequence[Trait]) -> list[NDArray[np.float64]]:
        """Returns a topic's appeal to each value of each trait; the last entry is for undisclosed values."""
        random = np.random.default_rng([self._seed, 2, list(TOPICS).index(topic)])
        return [np.exp(random.normal(0, _TASTE, len(trait.values) + 1)) for trait in traits]

    def _make_video(self, number: int) -> Video:
        block, index = divmod(number, RANKS)
        rank = int(np.random.default_rng([self._seed, 1, block]).permutation(RANKS)[index]) + 1
        return Video(
            number,
            self._first_ms + number * HOURS_BETWEEN_VIDEOS * MS_PER_HOUR,
            list(TOPICS)[number * 3 % len(TOPICS)],
            1 / rank,
        )
