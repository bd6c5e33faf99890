"""Generates what senders do: events in any order, ties, repetitions, erasures and purges.

Senders share no account, and each sends its actions one after the other, every one until it is acknowledged.
So the order in which the actions of an account take effect first is known, whatever fails in between.
"""

import hashlib
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Final

ACCOUNTS_AT_ONCE: Final = 40
ACTIONS_PER_GENERATION: Final = 20
"""Then come new accounts: there is always something to count, and few accounts meet the burst rule."""
_EVENTS_PER_BATCH: Final = 30
ERASE_EVERY: Final = 7
_PURGE_EVERY: Final = 16
_ACCOUNTS_PER_PURGE: Final = 6
_REMEMBERED: Final = 400
_DAY_MS: Final = 86_400_000

Name = tuple[str, str]
"""Kind and target."""
Cell = tuple[Name, str, str]
"""Kind and target, dimension and value."""
UNDISCLOSED: Final = "undisclosed"
"""The cell of an account that gave no value."""


@dataclass(frozen=True)
class Event:
    """One event about an account and a target."""

    account: str
    kind: str
    target: str
    liked: bool
    at_ms: int

    def to_document(self) -> dict[str, object]:
        """Returns the event as the platform sends it."""
        target = "creator_id" if self.kind == "follow" else "video_id"
        document: dict[str, object] = {
            "type": self.kind if self.liked else f"un{self.kind}",
            "account_id": self.account,
            target: self.target,
            "occurred_at": format_time(self.at_ms),
        }
        if profile := profile_of(self.account):
            document["profile"] = dict(profile)
        return document


@dataclass(frozen=True)
class Batch:
    """Events that are sent together."""

    events: tuple[Event, ...]


@dataclass(frozen=True)
class Erasure:
    """The erasure of an account."""

    account: str


@dataclass(frozen=True)
class Purge:
    """The purge of some accounts as bots."""

    accounts: tuple[str, ...]


Action = Batch | Erasure | Purge
StaffActions = frozenset[type[Erasure] | type[Purge]]
NONE: Final[StaffActions] = frozenset()
ALL: Final[StaffActions] = frozenset((Erasure, Purge))


@dataclass(frozen=True)
class Targets:
    """The targets of one run."""

    videos: tuple[str, ...]
    creators: tuple[str, ...]

    @classmethod
    def of_run(cls, run: str) -> "Targets":
        """Names the targets of a run; no two runs share one."""
        return cls(
            tuple(f"{run}-v{number}" for number in range(4)), tuple(f"{run}-c{number}" for number in range(2))
        )

    @property
    def names(self) -> tuple[Name, ...]:
        """Every kind and target that is counted."""
        watched = [(kind, video) for video in self.videos for kind in ("like", "favorite")]
        return (*watched, *(("follow", creator) for creator in self.creators))


def generate(
    run: str, sender: str, targets: Targets, began_ms: int, without: StaffActions = NONE
) -> Iterator[Action]:
    """Yields what a sender does, without end.

    Args:
        run: names the run and seeds it; no two runs on one store share accounts.
        sender: its name.
        targets: what its accounts like and follow.
        began_ms: before now; all events are older.
        without: what staff does not do; a batch of events is sent in its place.
    """
    rng = random.Random(f"{run}/{sender}")
    past: list[Event] = []
    for number in count():
        generation = number // ACTIONS_PER_GENERATION
        accounts = [f"{run}-{sender}-{generation}-{place}" for place in range(ACCOUNTS_AT_ONCE)]
        if Purge not in without and number % _PURGE_EVERY == _PURGE_EVERY - 1:
            yield Purge(tuple(rng.sample(accounts, _ACCOUNTS_PER_PURGE)))
        elif Erasure not in without and number % ERASE_EVERY == ERASE_EVERY - 1:
            yield Erasure(rng.choice(accounts))
        else:
            batch = Batch(
                tuple(
                    rng.choice(past)
                    if past and rng.random() < 0.05
                    else _draw_event(rng, accounts, targets, began_ms)
                    for _ in range(_EVENTS_PER_BATCH)
                )
            )
            past = [*past, *batch.events][-_REMEMBERED:]
            yield batch


def _draw_event(rng: random.Random, accounts: list[str], targets: Targets, began_ms: int) -> Event:
    kind = rng.choices(("like", "favorite", "follow"), (80, 12, 8))[0]
    # The first video is liked most: some numbers are shown, and some are not.
    target = (
        rng.choice(targets.creators)
        if kind == "follow"
        else targets.videos[int(len(targets.videos) * rng.random() ** 2)]
    )
    is_tie = rng.random() < 0.1
    age_ms = 60_000 if is_tie else rng.randrange(2_000, 3 * _DAY_MS)
    return Event(rng.choice(accounts), kind, target, liked=rng.random() < 0.75, at_ms=began_ms - age_ms)


def profile_of(account: str) -> Mapping[str, str]:
    """Returns the profile of an account. A third of them have one."""
    trait = hashlib.sha256(account.encode()).digest()[0]
    return {} if trait % 3 else {"region": ("DE", "US", "JP")[trait // 3 % 3], "age_band": "25-34"}


def format_time(at_ms: int) -> str:
    """Writes a time with its zone, to the millisecond."""
    moment = datetime.fromtimestamp(at_ms / 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{at_ms % 1000:03d}Z"
