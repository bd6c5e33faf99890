"""`detection`: measures recall and precision of the advisories about bots on a simulated platform."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from api.runtime.maintenance import make_maintenance_worker
from bench.deployment import VIDEOS, BenchDeployment, start_deployment
from bench.figure import Figure, ProgressCallback
from privacy.maintenance.throttle import Throttle
from privacy.model.change import GAINED
from privacy.model.timestamp import MS_PER_MINUTE
from privacy.moderation.advisories import Advisories, Signal
from privacy.vault.entries import AdmittedEvent
from privacy.vault.limits import KnownLimits
from privacy.vault.registers import RegisterStore
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
    """Bots with one behaviour.

    Args:
        name: of the behaviour.
        videos: returns the videos that a bot likes, in order.
        gap_ms: average time between two likes.
        shares_network: whether all bots use one network.
    """

    name: str
    videos: Callable[[random.Random], list[int]]
    gap_ms: int
    shares_network: bool


def detection(progress: ProgressCallback) -> Iterator[Figure]:
    """Measures recall by behaviour, and precision by signal."""
    generator = random.Random(1)
    script = generator.sample(range(VIDEOS), LIKES_PER_BOT)
    networks = (
        _Network("one script, one network", lambda _: script, 20_000, shares_network=True),
        _Network("one script, networks of their own", lambda _: script, 20_000, shares_network=False),
        _Network("shuffled, one network", _shuffled(script), 20_000, shares_network=True),
        _Network("in bursts, networks of their own", _shuffled(script), 100, shares_network=False),
        _Network("shuffled, slow, networks of their own", _shuffled(script), 20_000, shares_network=False),
    )
    with start_deployment() as deployment:
        progress(f"{PEOPLE:,} people and {len(networks)} networks of {BOTS_PER_NETWORK} bots")
        bots = _generate_likes(deployment, networks, generator)
        shown = _find_shown_accounts(deployment, bots)
    for network in networks:
        members = {name for name, behaviour in bots.items() if behaviour == network.name}
        found = members & set().union(*shown.values())
        yield Figure(f"bots shown: {network.name}", 100 * len(found) / len(members), "% of them")
    for signal, names in shown.items():
        right = 100 * len(names & bots.keys()) / len(names) if names else 100.0
        yield Figure(f"accounts shown for {signal.value} that are bots", right, f"% of {len(names)}")


def _popular(generator: random.Random, count: int) -> list[int]:
    """Draws videos by Zipf's law, as feeds show them."""
    return generator.choices(range(VIDEOS), cum_weights=_POPULARITY, k=count)


def _shuffled(videos: list[int]) -> Callable[[random.Random], list[int]]:
    return lambda generator: generator.sample(videos, len(videos))


def _generate_likes(
    deployment: BenchDeployment, networks: tuple[_Network, ...], generator: random.Random
) -> dict[str, str]:
    """Generates all likes, and returns the behaviour of each bot."""
    prepared = deployment.prepared
    client = deployment.redis.platform
    limits = KnownLimits(prepared.registry, client)
    shards = AccountShards(client, prepared.keys, prepared.header.account_shards, limits)
    vault = RegisterStore(shards)
    bots: dict[str, str] = {}

    def likes(name: str, videos: list[int], gap_ms: int, network: str) -> None:
        start = deployment.posted_at_ms + generator.randrange(30 * MS_PER_MINUTE)
        entries: list[AdmittedEvent] = []
        for index, video in enumerate(dict.fromkeys(videos)):
            jitter = generator.randrange(max(1, gap_ms // 2))
            entries.append((name, deployment.series[video], start + index * gap_ms + jitter, GAINED, 0))
        vault.record(entries, deployment.now_ms, {name: network})

    with deployment.redis.without_fsync():
        for number in range(PEOPLE):
            size = _CAMPUS if number // _CAMPUS % 100 == 0 else _HOUSEHOLD
            videos = _popular(generator, LIKES_PER_PERSON)
            likes(
                f"person-{number}",
                videos,
                generator.randrange(10_000, 60_000),
                f"net-{size}-{number // size}",
            )
        for index, network in enumerate(networks):
            for number in range(BOTS_PER_NETWORK):
                name = f"bot-{index}-{number}"
                bots[name] = network.name
                network_id = f"bots-{index}" if network.shares_network else f"bot-{index}-{number}"
                likes(name, network.videos(generator), network.gap_ms, network_id)
    return bots


def _find_shown_accounts(deployment: BenchDeployment, bots: dict[str, str]) -> dict[Signal, set[str]]:
    """Returns the accounts reported by each signal."""
    prepared = deployment.prepared
    maintenance = make_maintenance_worker(
        deployment.redis.maintenance,
        prepared.header,
        prepared.registry,
        prepared.keys,
        prepared.erasures,
        lambda: deployment.now_ms,
        Throttle.disabled(),
    )
    for _ in maintenance.sweep.run(deployment.now_ms):
        pass
    names = [*bots, *(f"person-{number}" for number in range(PEOPLE))]
    handles = prepared.keys.current.derive_handles(names)
    name_of = {handle.name: name for handle, name in zip(handles, names, strict=True)}
    shown: dict[Signal, set[str]] = {signal: set() for signal in Signal}
    for advisory in Advisories(deployment.redis.platform).read_all():
        shown[advisory.signal] |= {name_of[handle] for handle in advisory.handles}
    return shown
