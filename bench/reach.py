"""`reach`: which share of videos and creators sees what, under the packaged policy and under others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bench.figure import Bar, Figure, Measure, ProgressCallback, Reference
from bench.reach_model import AudienceModel, Counts, Shown, VideoModel, coverage, median_error
from bench.reach_worlds import (
    Profile,
    World,
    make_heavy_tailed_world,
    make_recorded_world,
    make_simulated_world,
)
from privacy.mechanism.accounting import REMOVALS, TOTAL, calibrate
from privacy.model.audience import Scope
from privacy.model.dimension import HOUR_OF_DAY
from privacy.model.engagement import Kind
from privacy.policy.file import load_policy
from tests.support.first_policy import FIRST_POLICY

RECORDING: Final = Path(__file__).with_name("recording")
RECORDED_POLICY: Final = Path(__file__).parents[1] / "examples/ml100k/policy.toml"
DIMENSIONS: Final = ("age_band", "gender", "region", "device", HOUR_OF_DAY)
MAX_THRESHOLDS: Final = {TOTAL: 110, "age_band": 230, REMOVALS: 250}
MIN_COVERAGES: Final = {1_000: 0.55, 2_000: 0.75, 5_000: 0.9}
"""By accounts of an audience."""
SMALL_AUDIENCE: Final = 150
MIN_SHOWN: Final = 0.99
MIN_SIMULATED_COVERAGE: Final = 0.6
_HALF: Final = 0.5
_NO_AUDIENCES: Final = "nothing under the first policy"
_REGION: Final = "region"


@dataclass(frozen=True)
class Policies:
    """What is compared.

    Args:
        packaged: the packaged policy.
        first: the packaged policy before audiences were measured.
        fresh: the packaged policy's budgets, with fresh noise at every epoch.
        audiences: creators' audiences under the packaged policy.
    """

    packaged: VideoModel
    first: VideoModel
    fresh: VideoModel
    audiences: AudienceModel


def load_policies() -> Policies:
    """Loads the packaged and the first policy."""
    calibration = calibrate(load_policy(), Kind.LIKE)
    return Policies(
        VideoModel(calibration),
        VideoModel(calibrate(FIRST_POLICY, Kind.LIKE)),
        VideoModel(calibration, fresh=True),
        AudienceModel(calibration.policy, Scope.CREATOR),
    )


def reach(progress: ProgressCallback) -> Iterator[Figure]:
    """Calculates thresholds, coverages of audiences, and what is shown of three worlds."""
    policies = load_policies()
    policy = policies.packaged.calibration.policy
    yield from thresholds(policies)
    yield from coverages(policies.audiences, Profile.of_topics(policy))
    progress("the four simulated weeks of `make run`")
    simulated = make_simulated_world(policy)
    yield from _videos(policies, simulated)
    yield from _creators(policies.audiences, simulated, Bar(Measure.VALUE, low=MIN_SIMULATED_COVERAGE))
    if RECORDING.is_dir():
        progress(f"the recording in {RECORDING}")
        yield from _videos(policies, make_recorded_world(load_policy(RECORDED_POLICY), RECORDING))
    progress("a heavy-tailed platform")
    heavy_tailed = make_heavy_tailed_world(policy)
    yield from _videos(policies, heavy_tailed)
    yield from _creators(policies.audiences, heavy_tailed, None)


def thresholds(policies: Policies) -> Iterator[Figure]:
    """Yields the smallest estimate that is shown, at the worst epoch."""
    names = {TOTAL: "a total", "age_band": "a cell of a video", REMOVALS: "removals for one reason"}
    for name, most in MAX_THRESHOLDS.items():
        ours, first = (_worst_threshold(model, name) for model in (policies.packaged, policies.first))
        yield Figure(
            f"{names[name]} is shown from, at the worst epoch",
            ours,
            "likes",
            Reference("the first policy", first),
            Bar(Measure.VALUE, high=most),
        )


def _worst_threshold(model: VideoModel, name: str) -> float:
    calibration = model.calibration
    place = [statistic.name for statistic in calibration.statistics].index(name)
    layout = calibration.policy.layout
    streams = (layout.total, *(cells.start for cells in layout.breakdowns), layout.removals.start)
    steps = np.arange(calibration.schedule.epochs)
    margins = calibration.margins(steps)[:, streams[place]]
    return float(np.ceil(calibration.min_counts[streams[place]] + margins).max())


def coverages(model: AudienceModel, profiles: Sequence[Profile]) -> Iterator[Figure]:
    """Yields the coverage of audiences of some sizes, mean over the audiences of the simulated topics."""
    sizes = np.array(list(MIN_COVERAGES))
    crowds = [profile.disclosed.expect(sizes) for profile in profiles]
    covered = np.mean([coverage(crowd, model.show(crowd), DIMENSIONS) for crowd in crowds], axis=0)
    crowds = [profile.expect(sizes) for profile in profiles]
    all_covered = np.mean([coverage(crowd, model.show(crowd), DIMENSIONS) for crowd in crowds], axis=0)
    for size, share, of_all in zip(sizes.tolist(), covered.tolist(), all_covered.tolist(), strict=True):
        yield Figure(
            f"coverage of an audience of {size:,} accounts that disclose",
            share,
            "",
            bar=Bar(Measure.VALUE, low=MIN_COVERAGES[size]),
            note=f"share of the accounts in shown cells, mean over age, gender, region, device and hour; "
            f"{of_all:.3g} if as many of the accounts as in the simulation are private or silent",
        )
    small = {TOTAL: np.array([[SMALL_AUDIENCE]])}
    yield Figure(
        f"probability that an audience of {SMALL_AUDIENCE} accounts has a total",
        float(_find(model.show(small), TOTAL, small)[0, 0]),
        "",
        bar=Bar(Measure.VALUE, low=MIN_SHOWN),
    )


def _videos(policies: Policies, world: World) -> Iterator[Figure]:
    """Yields what is shown of a world's videos at their current epochs."""
    results = []
    for model in (policies.packaged, policies.first, policies.fresh):
        ages = np.array(model.calibration.schedule.due_ages_seconds)
        steps = np.searchsorted(ages, world.ages_seconds, side="right") - 1
        released = steps >= 0
        counts = {name: cells[released] for name, cells in world.videos.items()}
        shown = model.show(counts, steps[released])
        cells = [each.probabilities for name, each in shown.items() if name != TOTAL]
        withheld = 1 - sum(float(each.sum()) for each in cells) / sum(each.size for each in cells)
        results.append((float(shown[TOTAL].probabilities.mean()), withheld, median_error(shown)))
    whats = ("share of videos with a total", "share of withheld cells", "median error of shown numbers")
    for what, ours, first, fresh in zip(whats, *results, strict=True):
        yield Figure(
            f"{what}: {world.name}",
            ours,
            "",
            Reference("the first policy", first),
            note=f"fresh noise at every epoch, at the same ε: {fresh:.3g}",
        )


def _creators(model: AudienceModel, world: World, bar: Bar | None) -> Iterator[Figure]:
    """Yields which creators see what of their audiences."""
    if world.audiences is None or world.weeks is None:
        return
    shown = model.show(world.audiences)
    covered = coverage(world.audiences, shown, DIMENSIONS)
    for what, share in _list_seen(model, world.audiences, world.weeks, shown):
        yield Figure(f"share of creators who see {what}: {world.name}", share, "", note=_NO_AUDIENCES)
    yield Figure(
        f"mean coverage over the creators: {world.name}",
        float(covered.mean()),
        "",
        bar=bar,
        note=f"{_NO_AUDIENCES}; {len(covered):,} creators; accounts in a block, median "
        f"{int(np.median(world.audiences[TOTAL])):,}",
    )


def _list_seen(
    model: AudienceModel, audiences: Counts, weeks: NDArray[np.int64], shown: Mapping[str, Shown]
) -> Iterator[tuple[str, float]]:
    """Yields shares of creators: who see their total, half of their audience by a dimension, their region."""
    by_week = {TOTAL: weeks[:, None]}
    yield "the total of the last week", float(_find(model.show(by_week), TOTAL, by_week).mean())
    for name in DIMENSIONS:
        if name != _REGION:
            enough = coverage(audiences, shown, (name,)) >= _HALF
            yield f"{name} of half of their audience", float(enough.mean())
    # The last cell is for undisclosed regions.
    largest = audiences[_REGION][:, :-1].argmax(axis=1)
    yield "their top region", float(_find(shown, _REGION, audiences)[np.arange(len(largest)), largest].mean())


def _find(shown: Mapping[str, Shown], name: str, counts: Counts) -> NDArray[np.float64]:
    """Returns the probabilities of a statistic; zeros where the policy does not declare it."""
    return shown[name].probabilities if name in shown else np.zeros(counts[name].shape)
