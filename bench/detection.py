"""`detection`: which bots of a simulated platform the advisories show, and who is shown that is none."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from api.runtime.maintenance import make_maintenance_worker
from bench.figure import Figure, Progress
from bench.world import VIDEOS, World, world
from privacy.maintenance.throttle import Throttle
from privacy.model.change import GAINED
from privacy.model.timestamp import MS_PER_MINUTE
from privacy.moderation.advisories import Advisories, Signal
from privacy.vault.entries import AdmittedEvent
from privacy.vault.registers import ContributionCaps, RegisterStore
from privacy.vault.shards import AccountShards

PEOPLE: Final = 10_000
LIKES_PER_PERSON: Final = 40
BOTS_PER_NETWORK: Final = 100
LIKES_PER_BOT: Final = 60
_HOUSEHOLD: Final = 3
"""People on one network, such as a family; one network in a hundred is a campus of thirty."""
_CAMPUS: Final = 30
_POPULARITY: Final = list(accumulate(1 / (rank + 1) for rank in range(VIDEOS)))


@dataclass(frozen=True)
class _Network:
    """Bots that behave in one way.

    Args:
        name: of the way.
        videos: what each bot likes, in its order.
        gap_ms: between two likes.
        shares_network: whether all come from one network.
    """

    name: str
    videos: Callable[[random.Random], list[int]]
    gap_ms: int
    shares_network: bool


def detection(progress: Progress) -> Iterator[Figure]:
    """Recall by way of behaving, and precision by signal."""
    generator = random.Random(1)
    script = generator.sample(range(VIDEOS), LIKES_PER_BOT)
    networks = (
        _Network("one script, one network", lambda _: script, 20_000, shares_network=True),
        _Network("one script, networks of their own", lambda _: script, 20_000, shares_network=False),
        _Network("shuffled, one network", _shuffled(script), 20_000, shares_network=True),
        _Network("in bursts, networks of their own", _shuffled(script), 100, shares_network=False),
        _Network("shuffled, slow, networks of their own", _shuffled(script), 20_000, shares_network=False),
    )
    with world() as store:
        progress(f"{PEOPLE:,} people and {len(networks)} networks of {BOTS_PER_NETWORK} bots")
        bots = _tell(store, networks, generator)
        shown = _look(store, bots)
    for network in networks:
        mine = {name for name, way in bots.items() if way == network.name}
        found = mine & set().union(*shown.values())
        yield Figure(f"bots shown: {network.name}", 100 * len(found) / len(mine), "% of them")
    for signal, names in shown.items():
        right = 100 * len(names & bots.keys()) / len(names) if names else 100.0
        yield Figure(f"accounts shown for {signal.value} that are bots", right, f"% of {len(names)}")


def _popular(generator: random.Random, count: int) -> list[int]:
    """Videos as feeds show them: the first ones far more often (Zipf's law)."""
    return generator.choices(range(VIDEOS), cum_weights=_POPULARITY, k=count)


def _shuffled(videos: list[int]) -> Callable[[random.Random], list[int]]:
    return lambda generator: generator.sample(videos, len(videos))


def _tell(store: World, networks: tuple[_Network, ...], generator: random.Random) -> dict[str, str]:
    """Let everybody like; the bots and their ways."""
    founded = store.founded
    shards = AccountShards(store.store.platform, founded.keys, founded.header.account_shards)
    vault = RegisterStore(shards, ContributionCaps.from_policies(founded.registry))
    bots: dict[str, str] = {}

    def likes(name: str, videos: list[int], gap_ms: int, network: str) -> None:
        start = store.posted_at_ms + generator.randrange(30 * MS_PER_MINUTE)
        entries: list[AdmittedEvent] = []
        for place, video in enumerate(dict.fromkeys(videos)):
            jitter = generator.randrange(max(1, gap_ms // 2))
            entries.append((name, store.series[video], start + place * gap_ms + jitter, GAINED, 0))
        vault.record(entries, store.now_ms, {name: network})

    with store.store.without_fsync():
        for number in range(PEOPLE):
            size = _CAMPUS if number // _CAMPUS % 100 == 0 else _HOUSEHOLD
            videos = _popular(generator, LIKES_PER_PERSON)
            likes(
                f"person-{number}",
                videos,
                generator.randrange(10_000, 60_000),
                f"net-{size}-{number // size}",
            )
        for place, network in enumerate(networks):
            for number in range(BOTS_PER_NETWORK):
                name = f"bot-{place}-{number}"
                bots[name] = network.name
                own = f"bots-{place}" if network.shares_network else f"bot-{place}-{number}"
                likes(name, network.videos(generator), network.gap_ms, own)
    return bots


def _look(store: World, bots: dict[str, str]) -> dict[Signal, set[str]]:
    """Names of the accounts that each signal shows."""
    founded = store.founded
    maintenance = make_maintenance_worker(
        store.store.maintenance,
        founded.header,
        founded.registry,
        founded.keys,
        founded.erasures,
        lambda: store.now_ms,
        Throttle.disabled(),
    )
    for _ in maintenance.sweep.run(store.now_ms):
        pass
    names = [*bots, *(f"person-{number}" for number in range(PEOPLE))]
    handles = founded.keys.current.handles(names)
    name_of = {handle.name: name for handle, name in zip(handles, names, strict=True)}
    shown: dict[Signal, set[str]] = {signal: set() for signal in Signal}
    for advisory in Advisories(store.store.platform).read_all():
        shown[advisory.signal] |= {name_of[handle] for handle in advisory.handles}
    return shown
