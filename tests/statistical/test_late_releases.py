"""Intervals hold the truth at the end of their epoch, though relay and release worker were away for an hour.

The bar is exact: if each interval is wrong with the probability of 5 % that it states, more than `MAX_WRONG`
of those of all videos are wrong with a probability below 1e-6. There are nine comparisons.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Final

import msgspec
import numpy as np
from scipy.stats import binom

from privacy.mechanism.accounting import Calibration, calibrate
from privacy.model.change import change_code
from privacy.model.documents import Figure, ReleaseDocument
from privacy.model.engagement import Kind
from privacy.policy.file import load_policy
from privacy.release.worker import ReleaseWorker
from privacy.store.keys import gallery_key, outbox_key
from privacy.tally.log_elements import OUTBOX_CHANGE
from privacy.tally.outbox_relay import Relay
from privacy.tally.series import TallyShard
from tests.support.nightly import FIGURES
from tests.support.profiles import entropy_of
from tests.support.redis_server import Store
from tests.support.registers import HEADER, raw
from tests.support.release_world import LIKE, UNLIKED, ReleaseWorld, hours

POLICY = load_policy()
VIDEOS: Final = tuple(f"late-{number}" for number in range(150))
FALSE_ALARM: Final = 1e-6
MAX_WRONG: Final = int(binom.isf(FALSE_ALARM, len(VIDEOS), 0.05))
TICKS_PER_HOUR: Final = 12
RELAY_AWAY: Final = range(TICKS_PER_HOUR - 2, 2 * TICKS_PER_HOUR - 2)
WORKER_AWAY: Final = range(2 * TICKS_PER_HOUR - 1, 3 * TICKS_PER_HOUR - 1)
"""An hour each, from a few minutes before the end of an epoch on."""
EPOCHS: Final = 3
IN_DE, ELSEWHERE, WITHDRAWN = 30, 20, 20
"""Likes of a video in a tick, by region, and likes withdrawn; the first are in Germany."""


@cache
def calibration_of(_version: str, kind: Kind) -> Calibration:
    """The default policy's mechanism."""
    return calibrate(POLICY, kind)


def changes_of_a_tick(series: list[int]) -> bytes:
    """Return the changes that all videos get in each tick, as the vault writes them."""
    cells = {region: POLICY.domain.code({"region": region}) for region in ("DE", "US")}
    codes = [
        *[change_code(cells["DE"], LIKE)] * IN_DE,
        *[change_code(cells["US"], LIKE)] * ELSEWHERE,
        *[change_code(cells["US"], UNLIKED)] * WITHDRAWN,
    ]
    return np.array([(number, code) for number in series for code in codes], OUTBOX_CHANGE).tobytes()


def test_intervals_of_late_releases_are_wrong_no_more_often_than_stated(
    store: Store, record_property: Callable[[str, object], None]
) -> None:
    """No number is of another moment, none is missing, and none is released while the relay is away."""
    world = ReleaseWorld(store)
    world.register(VIDEOS, POLICY)
    changes = changes_of_a_tick(list(world.numbers.values()))
    tick_ms = 0
    relay = Relay(store.relay, HEADER, lambda: tick_ms)
    shards = [TallyShard(store.release, shard) for shard in range(HEADER.target_shards)]
    worker = ReleaseWorker(shards, calibration_of, entropy_of("late releases"), lambda: tick_ms)
    with store.without_fsync():
        for tick in range(EPOCHS * TICKS_PER_HOUR + 1):
            # The last entry before the end of an epoch and the first one of the next are close to each other.
            tick_ms = hours(1) * tick // TICKS_PER_HOUR
            for moment_ms in (tick_ms - 1, tick_ms) if tick else (0,):
                store.root.xadd(outbox_key(tick % HEADER.account_shards), {"c": changes}, id=f"{moment_ms}-*")
            if tick not in RELAY_AWAY:
                relay.drain()
            if tick not in WORKER_AWAY:
                released = worker.run_due()
                assert not (released and tick in RELAY_AWAY)
        world.publish()
    wrong = {
        f"{name} of epoch {epoch}": count_wrong(figures, truth)
        for epoch in range(EPOCHS)
        for name, figures, truth in read_figures(store, epoch)
    }
    record_property(FIGURES, f"wrong intervals of {len(VIDEOS)}, at most {MAX_WRONG}: {wrong}")
    assert max(wrong.values()) <= MAX_WRONG


def read_figures(store: Store, epoch: int) -> Iterator[tuple[str, list[Figure | None], int]]:
    """Yield total, a cell and removals of one epoch, as readers get them, and the truth at its end."""
    documents = [
        msgspec.json.decode(
            raw(store.public.hget(gallery_key("releases", video, "like"), str(epoch))), type=ReleaseDocument
        )
        for video in VIDEOS
    ]
    assert {document.as_of_ms for document in documents} == {hours(epoch + 1)}
    # Each tick has an entry, and one a millisecond before; the first one's is the one after the last.
    entries = 2 * TICKS_PER_HOUR * (epoch + 1)
    yield "total", [document.total for document in documents], entries * (IN_DE + ELSEWHERE - WITHDRAWN)
    yield "cell", [document.breakdowns["region"].cells["DE"] for document in documents], entries * IN_DE
    yield "removals", [document.removals["unliked"] for document in documents], entries * WITHDRAWN


def count_wrong(figures: list[Figure | None], truth: int) -> int:
    """Return how many intervals do not hold the truth; none may be withheld."""
    shown = [figure for figure in figures if figure is not None]
    assert len(shown) == len(figures)
    return sum(not low <= truth <= high for _, low, high in shown)


def test_the_bar_is_exact() -> None:
    """Right intervals are blamed once in a million runs; those wrong a quarter of the time, nearly always."""
    assert binom.sf(MAX_WRONG, len(VIDEOS), 0.05) <= FALSE_ALARM
    assert binom.sf(MAX_WRONG, len(VIDEOS), 0.25) > 0.99
