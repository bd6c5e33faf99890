"""`release`: releases 2,000 videos × (total + 30 cells) with a million likes, from tally to gallery."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

import opendp.prelude as dp
from redis import Redis

from bench.deployment import ENGAGEMENTS, VIDEOS, BenchDeployment, start_deployment
from bench.figure import Bar, Figure, Measure, ProgressCallback, Reference
from bench.timing import run_interleaved, seconds
from privacy.mechanism.accounting import Calibration, calibrate
from privacy.mechanism.entropy import os_entropy
from privacy.model.engagement import Kind
from privacy.policy.file import load_policy
from privacy.release.history import MEASUREMENT
from privacy.release.publication import ReleasePublication
from privacy.release.worker import ReleaseWorker, run_together
from privacy.tally.series import TallyShard

POLICY: Final = Path(__file__).with_name("release-policy.toml")
CELLS: Final = 30
_ROUNDS: Final = 7
_AFTER_EVERY_TICK_MS: Final = 1 << 62
"""The delay is not measured."""
_TALLY: Final = "t:*"
_GALLERY: Final = "g:*"


def release(progress: ProgressCallback) -> Iterator[Figure]:
    """Measures the time of the first release of every video, and of the noise of as many cells by OpenDP."""
    calibration = calibrate(load_policy(POLICY), Kind.LIKE)
    with start_deployment(POLICY) as deployment:
        progress(f"{ENGAGEMENTS:,} likes into vault and tally")
        deployment.fill()
        progress(f"a release of {VIDEOS:,} videos and OpenDP's noise, {_ROUNDS} times in turn")
        first_epoch = _FirstEpoch(
            deployment,
            calibration,
            (_Snapshot.of(deployment.redis.root, _TALLY), _Snapshot.of(deployment.gallery_root, _GALLERY)),
        )
        first_epoch.seconds()  # warm-up: imports, and Redis's script cache
        cells = first_epoch.measured_cells()
        noise = _make_opendp_noise(calibration)
        times = run_interleaved({"release": first_epoch.seconds, "noise": lambda: seconds(noise)}, _ROUNDS)
    yield Figure(
        f"release of {VIDEOS:,} videos × (total + {CELLS} cells), including reading and publishing",
        times["release"],
        "s",
        Reference(
            f"OpenDP's vector discrete Gaussian: noise alone, {VIDEOS * (1 + CELLS):,} numbers",
            times["noise"],
        ),
        Bar(Measure.RATIO, high=0.7),
        note=f"{ENGAGEMENTS:,} likes; {cells:,} numbers measured; same noise scales",
    )


@dataclass(frozen=True)
class _Snapshot:
    """A copy of tally or gallery before the first release."""

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
    """The release of epoch 0, which can be repeated."""

    deployment: BenchDeployment
    calibration: Calibration
    before: Sequence[_Snapshot]

    def seconds(self) -> float:
        """Releases everything with the product's workers, and returns the duration."""
        for room in self.before:
            room.restore()
        redis, shards = self.deployment.redis, range(self.deployment.prepared.header.target_shards)
        workers = [
            ReleaseWorker(
                shards=[TallyShard(redis.release, shard)],
                calibrations=lambda _version, _kind: self.calibration,
                entropy=os_entropy,
                clock=self.deployment.release_clock,
            )
            for shard in shards
        ]
        publication = ReleasePublication(
            [TallyShard(redis.release, shard) for shard in shards], self.deployment.publisher
        )

        def release_and_publish() -> None:
            _require_all(run_together(workers))
            _require_all(publication.publish(_AFTER_EVERY_TICK_MS))

        return seconds(release_and_publish)

    def measured_cells(self) -> int:
        """Counts the measurements."""
        root = self.deployment.redis.root
        names = root.scan_iter("t:*:measured:*")
        sizes = (len(drawn) for name in names for drawn in cast("list[bytes]", root.lrange(name, 0, -1)))
        return sum(sizes) // MEASUREMENT.itemsize


def _require_all(released: int) -> None:
    if released != VIDEOS:
        raise RuntimeError(f"{released} releases were made; {VIDEOS} are due")


def _make_opendp_noise(calibration: Calibration) -> Callable[[], None]:
    """Returns a function with one call per statistic, each with the statistic's own scale."""
    dp.enable_features("contrib")
    space = dp.vector_domain(dp.atom_domain(T="i64")), dp.l2_distance(T="f64")
    layout = calibration.policy.layout
    widths = [1, *(cells.stop - cells.start for cells in layout.breakdowns)]
    work = [
        (dp.m.make_gaussian(*space, scale=float(statistic.scale)), [0] * (VIDEOS * width))
        for statistic, width in zip(calibration.statistics, widths, strict=False)
    ]

    def noise() -> None:
        for mechanism, zeros in work:
            mechanism(zeros)

    return noise
