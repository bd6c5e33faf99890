"""Times the appearance of releases: does the moment at which one shows tell whether it is about k accounts?

Pairs of videos are released together. One is watched: k−1 accounts of the attacker like it, and a coin
decides whether the victim does, too. The other one is the control, which nobody likes. Both are polled around
each release, and the gap between their appearances is noted. With several pairs at a time, each video has a
shard of its own, and of its appearance only the time that this shard took is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray
from redis import Redis
from scipy.stats import rankdata

from privacy.audit.black_box.campaign_scale import ATTEMPTS, LEAD_FACTOR
from privacy.audit.black_box.claim import list_profile_dimensions
from privacy.audit.black_box.context import Attack, CampaignContext
from privacy.audit.black_box.deployment import Canary, CanaryEvent
from privacy.audit.black_box.guess_findings import guesses_from_scores
from privacy.audit.black_box.guess_statistics import FALSE_ALARM
from privacy.audit.black_box.published import latest_served_ms
from privacy.audit.black_box.sybils import likes_of_sybils
from privacy.audit.black_box.watch import Look, Watch, list_epochs, look_in_store, look_over_http
from privacy.audit.report_model import ComparisonPlot, Finding, Section
from privacy.errors import StoreBusyError
from privacy.model.timestamp import Clock
from privacy.release.worker import WORKERS_AT_ONCE
from privacy.store.keys import target_shard

GAP_MS: Final = 0.3
"""A gap above this counts: preparing to draw noise takes about as long."""
SHARDS: Final = 16
"""Usual number of target shards. At most half as many pairs are watched together."""
LEAST_PAIRS: Final = 1
"""With fewer the attack has seen nothing, so its failure says nothing."""
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


@dataclass(frozen=True)
class _Observed:
    """One way of looking at all pairs.

    Args:
        gaps_ms: shape (pairs, epochs), NaN where a release was missed.
        coins: whether the victim joined, one per pair.
        early: waves whose first release showed before it was visible, as stated.
    """

    gaps_ms: NDArray[np.float64]
    coins: NDArray[np.bool_]
    early: int


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

    key = "appearance"
    title = "When a release appears"

    context: CampaignContext
    clock: Clock
    wait: Callable[[float], object]
    stopwatch: Callable[[], float]
    store_url: str | None = field(default=None, repr=False)

    def evaluate(self, counted_epochs: Sequence[int]) -> Sequence[Section]:  # noqa: ARG002 - an Attack's
        """Plants pairs, watches their releases, and guesses the coins from the gaps."""
        findings: list[Finding] = []
        plots: list[ComparisonPlot] = []
        pairs = early = 0
        with ExitStack() as held:
            looks = {"over HTTP": look_over_http(self.context.deployment)}
            if self.store_url:
                client = held.enter_context(closing(Redis.from_url(self.store_url)))
                looks["in the store"] = look_in_store(client)
            for number, (way, look) in enumerate(looks.items()):
                observed = self._watch_waves(number, look)
                pairs += len(observed.coins)
                early += observed.early
                findings.append(_find_seen(way, observed))
                for name, statistic in STATISTICS.items():
                    found, plot = guesses_from_scores(
                        f"{name}, {way}", statistic(observed.gaps_ms), observed.coins, self.context.claim
                    )
                    findings += found
                    plots.append(plot)
        waves = self.context.scale.appearance_waves * len(looks)
        findings.append(
            Finding(
                what="releases that show before the end of the epoch and the public delay",
                required="none",
                found=f"in {early:,} of {waves:,} waves of pairs",
                passed=early == 0,
            )
        )
        return [self._build_section(pairs, findings, plots)]

    def _build_section(
        self, pairs: int, findings: Sequence[Finding], plots: Sequence[ComparisonPlot]
    ) -> Section:
        return Section(
            key=self.key,
            title=self.title,
            tried=f"{pairs:,} pairs of videos: one that k−1 accounts of the attacker like and, as a coin "
            f"decides, a victim; and a control that nobody likes. {self.context.scale.appearance_epochs} "
            "releases of each pair were polled as fast as answers came, and the gap between the two "
            "appearances was noted.",
            breaks="The gaps of videos with k accounts differ from those with k−1, the coins are guessed "
            "from them more often than rho allows, or a release shows before its stated time.",
            confidence="That a time is too early is certain. Wilcoxon's rank-sum test and Clopper–Pearson: "
            "if the moment of a release does not depend on its counts, each comparison fails with a "
            f"probability of at most {FALSE_ALARM:g}.",
            findings=tuple(findings),
            plots=tuple(plots),
        )

    @property
    def _offsets_ms(self) -> range:
        """Starts of the pairs of a wave: a second apart, so that few are released together."""
        ages = self.context.claim.due_ages_seconds
        return range(0, 1000 * min(ages[1] - ages[0], self.context.scale.appearance_phases), 1000)

    @property
    def _first_epoch(self) -> int:
        """The first release of each pair. The last one watched is the last of the schedule's first phase.

        What comes after it is rare: releases of one wave hardly disturb the next one.
        """
        rests = np.diff(self.context.claim.due_ages_seconds)
        last = int(np.argmax(rests > rests[0]))
        return max(0, last - self.context.scale.appearance_epochs)

    def _watch_waves(self, way: int, look: Look) -> _Observed:
        watch = Watch(look, self.clock, self.wait, self.stopwatch)
        gaps_ms: list[list[float]] = []
        coins: list[bool] = []
        early = 0
        waves = self.context.scale.appearance_waves
        for wave in range(waves):
            self.context.progress("appearance", wave, waves)
            phases = self._plant_in_time(way, wave)
            rows: dict[_Pair, list[float]] = {pair: [] for pairs in phases for pair in pairs}
            delay_ms = self._find_delay_ms(phases[0][0])
            early += delay_ms == 0
            for visible_ms, phase, epoch in self._schedule(phases[0][0].watched.posted_at_ms + delay_ms):
                names = [c.public_id for pair in phases[phase] for c in (pair.watched, pair.control)]
                seen = watch.time_release(names, epoch, visible_ms)
                own_ms = 1000 * _take_own_times(np.array([seen[name] for name in names]))
                for number, pair in enumerate(phases[phase]):
                    rows[pair].append(own_ms[2 * number] - own_ms[2 * number + 1])
            gaps_ms += rows.values()
            coins += [pair.joined for pair in rows]
        self.context.progress("appearance", waves, waves)
        return _Observed(np.array(gaps_ms), np.array(coins, np.bool_), early)

    def _plant_in_time(self, way: int, wave: int) -> list[list[_Pair]]:
        """Plants the pairs of a wave before their first release; retries with more time if that fails.

        Pairs that are planted later have no such release: those that the attack would wait for may be over.

        Raises:
            StoreBusyError: the deployment is too slow for that.
        """
        lead_seconds = self.context.scale.appearance_lead_seconds
        for attempt in range(ATTEMPTS):
            phases = self._plant(f"{way}-{wave}-{attempt}", wave, lead_seconds * LEAD_FACTOR**attempt)
            if self.clock() < self._due_ms(phases[0][0], self._first_epoch):
                return phases
            # Until their releases are rare, these pairs would disturb those that replace them.
            self._wait_until(
                self._due_ms(phases[-1][0], self._first_epoch + self.context.scale.appearance_epochs)
            )
        raise StoreBusyError(
            f"the deployment did not take in the likes of {2 * len(phases) * len(phases[0])} videos within "
            f"{lead_seconds * LEAD_FACTOR ** (ATTEMPTS - 1)} s"
        )

    def _due_ms(self, pair: _Pair, epoch: int) -> int:
        return pair.watched.posted_at_ms + 1000 * self.context.claim.due_ages_seconds[epoch]

    def _wait_until(self, time_ms: int) -> None:
        while (rest_ms := time_ms - self.clock()) > 0:
            self.wait(rest_ms / 1000)

    def _plant(self, name: str, wave: int, lead_seconds: int) -> list[list[_Pair]]:
        """Registers the pairs of a wave and sends their likes; returns them by phase, ordered by shard."""
        claim, scale = self.context.claim, self.context.scale
        first_due_ms = (self.clock() + 1000 * lead_seconds) // 1000 * 1000
        # Fewer pairs than fill the shards move on: what became of earlier ones is then in other shards.
        shard = 2 * scale.appearance_pairs * wave
        phases = []
        for phase, offset_ms in enumerate(self._offsets_ms):
            posted_at_ms = first_due_ms + offset_ms - 1000 * claim.due_ages_seconds[self._first_epoch]
            coins = self.context.coins.integers(0, 2, scale.appearance_pairs).astype(bool).tolist()
            phases.append(
                [
                    _Pair(
                        self._canary(f"{name}-{phase}-x{number}", shard + 2 * number, posted_at_ms),
                        self._canary(f"{name}-{phase}-w{number}", shard + 2 * number + 1, posted_at_ms),
                        joined,
                    )
                    for number, joined in enumerate(coins)
                ]
            )
        pairs = [pair for phase in phases for pair in phase]
        watched = [pair.watched for pair in pairs]
        self.context.deployment.plant([*watched, *(pair.control for pair in pairs)])
        # All in one cell of each dimension, so that with the victim as many counts as possible reach k.
        profile = {dimension: claim.values[dimension][0] for dimension in list_profile_dimensions(claim)}
        sybils = likes_of_sybils(self.context, f"appear-{name}", watched, claim.k - 1, profile)
        victims = [
            CanaryEvent(f"{self.context.run}-appeared-{name}-{number}", pair.watched.name, profile)
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

    def _find_delay_ms(self, pair: _Pair) -> int:
        """Returns how long after its epoch a release appears: as stated, or 0 if that is too long."""
        public_id = pair.watched.public_id
        delay_ms = 1000 * self.context.claim.public_delay_seconds
        visible_ms = self._due_ms(pair, self._first_epoch) + delay_ms
        self._wait_until(visible_ms - delay_ms // 2)
        reply = self.context.deployment.read(f"/v1/videos?ids={public_id}")
        shown = list_epochs(reply.document).get(public_id, -1) >= self._first_epoch
        return 0 if shown and latest_served_ms(reply, self.clock) < visible_ms else delay_ms

    def _schedule(self, start_ms: int) -> list[tuple[int, int, int]]:
        """Returns when which releases become visible: time, phase, epoch. The first epoch is left out.

        Args:
            start_ms: when a release at age zero would become visible in the first phase.
        """
        ages, first = self.context.claim.due_ages_seconds, self._first_epoch + 1
        return sorted(
            (start_ms + 1000 * ages[epoch] + offset_ms, phase, epoch)
            for epoch in range(first, first + self.context.scale.appearance_epochs)
            for phase, offset_ms in enumerate(self._offsets_ms)
        )


def _take_own_times(seen_seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns how long each shard itself took: since a thread of the release process was free for it.

    The threads take the shards in order. Without this, what a shard takes would also delay those after it.

    Args:
        seen_seconds: when each shard's release showed, in the order of the shards.
    """
    own = np.empty_like(seen_seconds)
    for shard, showed in enumerate(seen_seconds):
        before = np.sort(seen_seconds[: max(shard, WORKERS_AT_ONCE)])
        own[shard] = showed - (before[0] if shard < WORKERS_AT_ONCE else before[-WORKERS_AT_ONCE])
    return own


def _find_seen(way: str, observed: _Observed) -> Finding:
    """Returns for how many pairs the attack has anything to go by: releases that were over are not timed."""
    timed = ~np.isnan(observed.gaps_ms)
    seen = int(timed.any(axis=1).sum())
    return Finding(
        what=f"pairs of which both appearances were seen, {way}",
        required=f"at least {LEAST_PAIRS}",
        found=f"{seen:,} of {len(observed.coins):,}, {timed.sum():,} of {timed.size:,} gaps",
        passed=seen >= LEAST_PAIRS,
    )


def _mean_gap(gaps_ms: NDArray[np.float64]) -> NDArray[np.float64]:
    seen = ~np.isnan(gaps_ms)
    means: NDArray[np.float64] = np.where(seen, gaps_ms, 0).sum(axis=1) / np.maximum(seen.sum(axis=1), 1)
    return means


def _mean_rank(gaps_ms: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the mean ranks of the gaps among all: disturbances that move means by far weigh little here."""
    return _mean_gap(rankdata(gaps_ms, nan_policy="omit", axis=None).reshape(gaps_ms.shape))


def _share_of_gaps(gaps_ms: NDArray[np.float64]) -> NDArray[np.float64]:
    return _mean_gap(np.where(np.isnan(gaps_ms), np.nan, gaps_ms > GAP_MS))


STATISTICS: Final[dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]]] = {
    "mean gap": _mean_gap,
    "mean rank of the gaps": _mean_rank,
    f"share of gaps above {GAP_MS} ms": _share_of_gaps,
}
"""What the attacker computes for each pair from its gaps, shape (pairs, epochs)."""
