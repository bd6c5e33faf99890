"""`release`: 2,000 videos × (total + 30 cells), a million likes behind them, from tally to gallery."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import opendp.prelude as dp

from bench.figure import Bar, Figure, Of, Progress, Reference
from bench.timing import interleaved, seconds
from bench.world import ENGAGEMENTS, VIDEOS, World, world
from privacy.mechanism.accounting import Calibration, calibrate
from privacy.mechanism.entropy import os_entropy
from privacy.model.engagement import Kind
from privacy.policy.file import load_policy
from privacy.release.history import MEASUREMENT
from privacy.release.worker import ReleaseWorker, run_together
from privacy.tally.series import TallyShard

if TYPE_CHECKING:
    from redis import Redis

POLICY: Final = Path(__file__).with_name("release-policy.toml")
CELLS: Final = 30
_ROUNDS: Final = 7
_TALLY: Final = "t:*"
_GALLERY: Final = "g:*"


def release(progress: Progress) -> Iterator[Figure]:
    """Time of the first release of every video, beside the bare noise of as many cells by OpenDP."""
    calibration = calibrate(load_policy(POLICY), Kind.LIKE)
    with world(POLICY) as store:
        progress(f"{ENGAGEMENTS:,} likes into vault and tally")
        store.fill()
        progress(f"a release of {VIDEOS:,} videos and OpenDP's noise, {_ROUNDS} times in turn")
        first_epoch = _FirstEpoch(
            store,
            calibration,
            (_Snapshot.of(store.store.root, _TALLY), _Snapshot.of(store.gallery_root, _GALLERY)),
        )
        first_epoch.seconds()  # warms up: imports, and the scripts that Redis caches
        cells = first_epoch.measured_cells()
        noise = _opendp_noise(calibration)
        times = interleaved({"release": first_epoch.seconds, "noise": lambda: seconds(noise)}, _ROUNDS)
    yield Figure(
        f"release of {VIDEOS:,} videos × (total + {CELLS} cells), reading the tally and publishing included",
        times["release"],
        "s",
        Reference(
            f"OpenDP's vector discrete Gaussian: bare noise of {VIDEOS * (1 + CELLS):,}", times["noise"]
        ),
        Bar(Of.RATIO, high=0.5),
        note=f"{ENGAGEMENTS:,} likes behind them; {cells:,} numbers measured; same noise scales",
    )


@dataclass(frozen=True)
class _Snapshot:
    """Tally or gallery as it stands before the first release, to go back to."""

    root: Redis
    pattern: str
    keys: Mapping[bytes, bytes]

    @classmethod
    def of(cls, root: Redis, pattern: str) -> _Snapshot:
        names = root.scan_iter(pattern, count=1_000)
        return cls(root, pattern, {name: cast("bytes", root.dump(name)) for name in names})

    def restore(self) -> None:
        now = list(self.root.scan_iter(self.pattern, count=1_000))
        pipeline = self.root.pipeline(transaction=False)
        for name in now:
            pipeline.delete(name)
        for name, content in self.keys.items():
            pipeline.restore(name, 0, content)
        pipeline.execute()


@dataclass(frozen=True)
class _FirstEpoch:
    """The release of epoch 0, as often as one likes."""

    world: World
    calibration: Calibration
    before: Sequence[_Snapshot]

    def seconds(self) -> float:
        """Release everything, by the workers that the product runs."""
        for room in self.before:
            room.restore()
        store, shards = self.world.store, range(self.world.founded.header.target_shards)
        workers = [
            ReleaseWorker(
                shards=[TallyShard(store.release, shard)],
                publisher=self.world.publisher,
                calibrations=lambda _version, _kind: self.calibration,
                entropy=os_entropy,
                clock=lambda: self.world.now_ms,
            )
            for shard in shards
        ]
        return seconds(lambda: _require_all(run_together(workers)))

    def measured_cells(self) -> int:
        """How many measurements were drawn."""
        root = self.world.store.root
        return sum(root.strlen(name) for name in root.scan_iter("t:*:measured:*")) // MEASUREMENT.itemsize


def _require_all(released: int) -> None:
    if released != VIDEOS:
        raise RuntimeError(f"{released} releases where {VIDEOS} are due")


def _opendp_noise(calibration: Calibration) -> Callable[[], None]:
    """One call a statistic, each with the statistic's own scale."""
    dp.enable_features("contrib")
    space = dp.vector_domain(dp.atom_domain(T="i64")), dp.l2_distance(T="f64")
    layout = calibration.policy.layout
    widths = [1, *(place.stop - place.start for place in layout.breakdowns)]
    work = [
        (dp.m.make_gaussian(*space, scale=float(statistic.scale)), [0] * (VIDEOS * width))
        for statistic, width in zip(calibration.statistics, widths, strict=False)
    ]

    def noise() -> None:
        for mechanism, zeros in work:
            mechanism(zeros)

    return noise
