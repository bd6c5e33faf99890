"""Infers whether an account is in an audience: known accounts like videos with a hashtag; a coin adds one.

Each account likes two videos with the hashtag, and must be counted once. The attacker knows all accounts but
the one that the coin decides, and reads the number of the period.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from privacy.audit.black_box.campaign_scale import PATIENCE_MS
from privacy.audit.black_box.claim import AudienceClaim
from privacy.audit.black_box.context import Attack, CampaignContext
from privacy.audit.black_box.deployment import PREFIX, Canary, CanaryEvent
from privacy.audit.black_box.guess_findings import guesses_of_coins
from privacy.audit.black_box.guess_statistics import FALSE_ALARM
from privacy.audit.black_box.published import read_document
from privacy.audit.report_model import Finding, Section
from privacy.errors import StoreBusyError
from privacy.model.audience import period_at, period_name, period_start_ms
from privacy.model.timestamp import Clock

VIDEOS: Final = 2
"""Videos with each hashtag."""
CLEAR_DEVIATIONS: Final = 6
"""By which known accounts clear the threshold, so that every number is shown."""
ROUNDING: Final = 1.001
_POLL_SECONDS: Final = 0.5


@dataclass(frozen=True)
class _Planted:
    """What the attack has planted.

    Args:
        period: in which its likes are counted.
        canaries: videos with the hashtags.
        coins: whether one more account likes the videos with each hashtag.
    """

    period: int
    canaries: Sequence[Canary]
    coins: NDArray[np.bool_]


@dataclass
class AudienceAttack(Attack):
    """The attack. It plants within one period, which may end during other attacks.

    Args:
        context: of the campaign.
        audience: what is claimed of audiences of hashtags.
        clock: now, in ms since 1970 UTC.
        wait: sleeps for the given number of seconds.
    """

    key = "audiences"
    title = "Membership in audiences"

    context: CampaignContext
    audience: AudienceClaim
    clock: Clock
    wait: Callable[[float], object]
    _planted: _Planted | None = field(default=None, init=False)

    def begin(self) -> None:
        """Plants in the running period if enough of it is left, or at the begin of the next one.

        Raises:
            StoreBusyError: planting took until the end of the period.
        """
        every_seconds = self.audience.every_seconds
        needed_ms = round(1_000 * every_seconds * self.context.scale.audience_share)
        period = period_at(self.clock() + needed_ms, every_seconds)
        self._wait_until(period_start_ms(period, every_seconds) + 1_000)
        coins = self.context.coins.integers(0, 2, self.context.scale.audiences).astype(bool)
        canaries = self._list_canaries()
        self.context.deployment.plant(canaries)
        self.context.deployment.send(list(self._list_events(canaries, coins)))
        if self.clock() >= self._end_ms(period):
            raise StoreBusyError("likes of a whole audience took longer than its period; try again")
        self._planted = _Planted(period, canaries, coins)

    def evaluate(self, counted_epochs: Sequence[int]) -> Sequence[Section]:  # noqa: ARG002 - an Attack's
        """Reads the numbers of the period after its end, and guesses every coin.

        Raises:
            StoreBusyError: the numbers do not appear.
        """
        if self._planted is None:
            raise StoreBusyError("nothing was planted for the attack on audiences")
        period, canaries, coins = self._planted.period, self._planted.canaries, self._planted.coins
        self._wait_until(self._end_ms(period) + 1_000 * self.context.claim.public_delay_seconds)
        observed = np.array([self._read_total(canary, period) for canary in canaries[::VIDEOS]])
        return [self._build_section(observed, coins)]

    def _end_ms(self, period: int) -> int:
        return period_start_ms(period + 1, self.audience.every_seconds)

    @property
    def _known(self) -> int:
        return ceil(self.audience.threshold + CLEAR_DEVIATIONS * self.audience.deviation)

    def _list_canaries(self) -> list[Canary]:
        names = (f"{self.context.run}-audience-{number}" for number in range(self.context.scale.audiences))
        return [Canary(f"{name}-{video}", self.clock(), name) for name in names for video in range(VIDEOS)]

    def _list_events(self, canaries: Sequence[Canary], coins: NDArray[np.bool_]) -> Iterator[CanaryEvent]:
        """Yields likes of known accounts, and of those that coins add."""
        shared = max(1, self.context.claim.likes_per_account // VIDEOS)
        for index, canary in enumerate(canaries):
            number = index // VIDEOS
            for account in range(self._known):
                yield CanaryEvent(f"{self.context.run}-member-{number // shared}-{account}", canary.name)
            if coins[number]:
                yield CanaryEvent(f"{self.context.run}-joined-{number}", canary.name)

    def _read_total(self, canary: Canary, period: int) -> float:
        """Reads the number of a hashtag's accounts; NaN where it is withheld."""
        name = period_name(self.audience.every_seconds)
        path = f"/v1/hashtags/{PREFIX}{canary.hashtag}/audience?period={name}"
        until_ms = self.clock() + PATIENCE_MS
        while True:
            found = read_document(self.context.deployment, path)["audiences"]
            totals = [each["total"] for each in found if each["total"]["epoch"] == period]
            if totals:
                value = totals[0]["value"]
                return float("nan") if value is None else float(value)
            if self.clock() > until_ms:
                raise StoreBusyError("the sandbox releases no audiences; is `likewise release` running?")
            self.wait(_POLL_SECONDS)

    def _build_section(self, observed: NDArray[np.float64], coins: NDArray[np.bool_]) -> Section:
        shown = ~np.isnan(observed)
        above = observed[shown] - self._known
        guessed, plot = guesses_of_coins(
            "whether one more account is in an audience", (above > 1 / 2) == coins[shown], self.audience
        )
        return Section(
            key=self.key,
            title=self.title,
            tried=f"{len(coins):,} hashtags, each with {self._known:,} known accounts that like {VIDEOS} "
            "videos with it in one period; a coin adds an account. The number of the period was compared "
            f"with the known accounts. It costs rho {self.audience.rho:g} for all likes of an account in the "
            f"scope and period; all audiences of an engagement cost {self.audience.all_rho:g}, and all that "
            f"is published about it {self.context.claim.rho:g}.",
            breaks="The coins are guessed more often than the rho of this number allows any attacker; noise "
            "of another deviation than claimed, or accounts that are counted with each of their likes.",
            confidence=f"A false alarm has a probability of {FALSE_ALARM:g} for each finding.",
            findings=(
                Finding(
                    "audiences far above their threshold",
                    "all are shown",
                    f"{int(shown.sum())} of {len(coins)}",
                    bool(shown.all()),
                ),
                self._compare_deviation(above - coins[shown]),
                guessed,
            ),
            plots=(plot,),
        )

    def _compare_deviation(self, noise: NDArray[np.float64]) -> Finding:
        squares, draws = float((noise**2).sum()) / self.audience.deviation**2, max(noise.size, 1)
        low = float(np.sqrt(squares / chi2.isf(FALSE_ALARM, draws)))
        high = float(np.sqrt(squares / chi2.ppf(FALSE_ALARM, draws)))
        return Finding(
            f"deviation of {noise.size} numbers from the accounts that are there",
            f"that of the claim, {self.audience.deviation:g}",
            f"{np.sqrt(squares / draws):.4f} of the claim, interval {low:.4f} to {high:.4f}",
            low <= ROUNDING and high >= 1,
        )

    def _wait_until(self, moment_ms: int) -> None:
        while (left_ms := moment_ms - self.clock()) > 0:
            self.wait(min(left_ms / 1_000, 1.0))
