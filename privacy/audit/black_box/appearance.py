"""Times the appearance of releases: does the moment at which one shows tell whether it is about k accounts?

Pairs of videos are released together. One is watched: k−1 accounts of the attacker like it, and a coin
decides whether the victim does, too. The other one is the control, which nobody likes. Both are polled around
each release, and the gap between their appearances is noted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray
from redis import Redis

from privacy.audit.black_box.context import Attack, CampaignContext
from privacy.audit.black_box.deployment import Canary, CanaryEvent
from privacy.audit.black_box.guess_findings import guesses_from_scores
from privacy.audit.black_box.guess_statistics import FALSE_ALARM
from privacy.audit.black_box.sybils import likes_of_sybils
from privacy.audit.black_box.watch import Look, Watch, look_in_store, look_over_http
from privacy.audit.report_model import ComparisonPlot, Finding, Section
from privacy.catalogue.catalogue import target_shard
from privacy.model.timestamp import Clock

GAP_MS: Final = 0.3
"""A gap above this counts: preparing to draw noise takes about as long."""
SHARDS: Final = 16
"""Usual number of target shards. Videos that are watched together are in different ones, so that none hides
another."""
_NAMES_PER_SHARD: Final = 100
"""Names that are tried until one is in the right shard; all fail with a probability of 1e-44."""


@dataclass(frozen=True)
class _Pair:
    """A watched video and its control.

    Args:
        watched: liked by k−1 accounts of the attacker, and by the victim if the coin says so.
        control: liked by nobody.
        joined: the coin.
    """

    watched: Canary
    control: Canary
    joined: bool


@dataclass
class AppearanceAttack(Attack):
    """The attack, over HTTP and, with the public plane's password, in the store.

    Args:
        context: of the campaign.
        clock: now, in ms since 1970 UTC.
        wait: sleeps for the given number of seconds.
        stopwatch: seconds from an arbitrary moment on.
        store_url: the public plane's own address of the store, if the reviewer has it.
    """

    context: CampaignContext
    clock: Clock
    wait: Callable[[float], object]
    stopwatch: Callable[[], float]
    store_url: str | None = field(default=None, repr=False)

    def evaluate(self, counted_epochs: Sequence[int]) -> Sequence[Section]:  # noqa: ARG002 - an Attack's
        """Plants pairs, watches their releases, and guesses the coins from the gaps."""
        findings: list[Finding] = []
        plots: list[ComparisonPlot] = []
        pairs = 0
        with ExitStack() as held:
            looks = {"over HTTP": look_over_http(self.context.deployment)}
            if self.store_url:
                client = held.enter_context(closing(Redis.from_url(self.store_url)))
                looks["in the store"] = look_in_store(client)
            for number, (way, look) in enumerate(looks.items()):
                gaps_ms, coins = self._watch_waves(number, look)
                pairs += len(coins)
                for name, statistic in STATISTICS.items():
                    found, plot = guesses_from_scores(
                        f"{name}, {way}", statistic(gaps_ms), coins, self.context.claim
                    )
                    findings += found
                    plots.append(plot)
        return [self._build_section(pairs, findings, plots)]

    def _build_section(
        self, pairs: int, findings: Sequence[Finding], plots: Sequence[ComparisonPlot]
    ) -> Section:
        return Section(
            key="appearance",
            title="When a release appears",
            tried=f"{pairs:,} pairs of videos: one that k−1 accounts of the attacker like and, as a coin "
            f"decides, a victim; and a control that nobody likes. {self.context.scale.appearance_epochs} "
            "releases of each pair were polled as fast as answers came, and the gap between the two "
            "appearances was noted.",
            breaks="The gaps of videos with k accounts differ from those with k−1, or the coins are guessed "
            "from them more often than rho allows.",
            confidence="Wilcoxon's rank-sum test and Clopper–Pearson: if the moment of a release does not "
            f"depend on its counts, each comparison fails with a probability of at most {FALSE_ALARM:g}.",
            findings=tuple(findings),
            plots=tuple(plots),
        )

    @property
    def _offsets_ms(self) -> range:
        """Starts of the pairs of a wave: a second apart, so that few are released together."""
        ages = self.context.claim.due_ages_seconds
        return range(0, 1000 * min(ages[1] - ages[0], self.context.scale.appearance_phases), 1000)

    def _watch_waves(self, way: int, look: Look) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Returns the gaps in ms, shape (pairs, epochs), NaN where they were missed; and the coins."""
        watch = Watch(look, self.clock, self.wait, self.stopwatch)
        gaps_ms: list[list[float]] = []
        coins: list[bool] = []
        waves = self.context.scale.appearance_waves
        for wave in range(waves):
            self.context.progress("appearance", wave, waves)
            phases = self._plant(f"{way}-{wave}")
            rows: dict[_Pair, list[float]] = {pair: [] for pairs in phases for pair in pairs}
            delay_ms = self._find_delay_ms(look, phases[0][0].watched)
            for visible_ms, phase, epoch in self._schedule(phases[0][0].watched.posted_at_ms + delay_ms):
                names = [c.public_id for pair in phases[phase] for c in (pair.watched, pair.control)]
                seen = watch.time_release(names, epoch, visible_ms)
                for pair in phases[phase]:
                    gap_seconds = seen[pair.watched.public_id] - seen[pair.control.public_id]
                    rows[pair].append(1000 * gap_seconds)
            gaps_ms += rows.values()
            coins += [pair.joined for pair in rows]
        self.context.progress("appearance", waves, waves)
        return np.array(gaps_ms), np.array(coins, np.bool_)

    def _plant(self, name: str) -> list[list[_Pair]]:
        """Registers the pairs of a wave and sends their likes; returns them by phase."""
        claim, scale = self.context.claim, self.context.scale
        first_due_ms = (self.clock() + 1000 * scale.appearance_lead_seconds) // 1000 * 1000
        phases = []
        for phase, offset_ms in enumerate(self._offsets_ms):
            posted_at_ms = first_due_ms + offset_ms - 1000 * claim.due_ages_seconds[0]
            coins = self.context.coins.integers(0, 2, scale.appearance_pairs).astype(bool).tolist()
            phases.append(
                [
                    _Pair(
                        self._canary(f"{name}-{phase}-x{number}", number, posted_at_ms),
                        self._canary(f"{name}-{phase}-w{number}", number + 1, posted_at_ms),
                        joined,
                    )
                    for number, joined in enumerate(coins)
                ]
            )
        pairs = [pair for phase in phases for pair in phase]
        watched = [pair.watched for pair in pairs]
        self.context.deployment.plant([*watched, *(pair.control for pair in pairs)])
        sybils = likes_of_sybils(self.context, f"appear-{name}", watched, claim.k - 1)
        victims = [
            CanaryEvent(f"{self.context.run}-appeared-{name}-{number}", pair.watched.name)
            for number, pair in enumerate(pairs)
            if pair.joined
        ]
        self.context.deployment.send([*sybils, *victims])
        return phases

    def _canary(self, name: str, shard: int, posted_at_ms: int) -> Canary:
        """Creates a canary whose name puts it into a shard."""
        names = (f"{self.context.run}-{name}-{number}" for number in range(_NAMES_PER_SHARD * SHARDS))
        canaries = (Canary(each, posted_at_ms) for each in names)
        return next(each for each in canaries if target_shard(each.public_id, SHARDS) == shard % SHARDS)

    def _find_delay_ms(self, look: Look, canary: Canary) -> int:
        """Returns how long after its epoch a release appears: as stated, or at once if the first one does."""
        claim = self.context.claim
        delay_ms = 1000 * claim.public_delay_seconds
        middle_ms = canary.posted_at_ms + 1000 * claim.due_ages_seconds[0] + delay_ms // 2
        while (rest_ms := middle_ms - self.clock()) > 0:
            self.wait(rest_ms / 1000)
        return 0 if look([canary.public_id]) else delay_ms

    def _schedule(self, start_ms: int) -> list[tuple[int, int, int]]:
        """Returns when which releases become visible: time, phase, epoch. The first epoch is left out.

        Args:
            start_ms: when a release at age zero would become visible in the first phase.
        """
        ages = self.context.claim.due_ages_seconds
        return sorted(
            (start_ms + 1000 * ages[epoch] + offset_ms, phase, epoch)
            for epoch in range(1, 1 + self.context.scale.appearance_epochs)
            for phase, offset_ms in enumerate(self._offsets_ms)
        )


def _mean_gap(gaps_ms: NDArray[np.float64]) -> NDArray[np.float64]:
    seen = ~np.isnan(gaps_ms)
    means: NDArray[np.float64] = np.where(seen, gaps_ms, 0).sum(axis=1) / np.maximum(seen.sum(axis=1), 1)
    return means


def _median_gap(gaps_ms: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the medians, which a disturbance of some releases does not move; 0 where none was seen."""
    medians, seen = np.zeros(len(gaps_ms)), ~np.isnan(gaps_ms).all(axis=1)
    medians[seen] = np.nanmedian(gaps_ms[seen], axis=1)
    return medians


def _share_of_gaps(gaps_ms: NDArray[np.float64]) -> NDArray[np.float64]:
    return _mean_gap(np.where(np.isnan(gaps_ms), np.nan, gaps_ms > GAP_MS))


STATISTICS: Final[dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]]] = {
    "mean gap": _mean_gap,
    "median gap": _median_gap,
    f"share of gaps above {GAP_MS} ms": _share_of_gaps,
}
"""What the attacker computes for each pair from its gaps, shape (pairs, epochs)."""
