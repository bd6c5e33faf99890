"""Checks which likes of one account the intake counts: its caps by day and month, and the burst rule."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from api.audit.audited_system import AuditedSystem
from api.replay.records import Action, ActionKind
from privacy.audit.report_model import Finding
from privacy.model.timestamp import MS_PER_DAY, MS_PER_HOUR
from privacy.policy.policy import Policy
from privacy.store.connect import connect
from privacy.store.users import MAINTENANCE
from privacy.vault.account_record import read_account

MORE: Final = 3
"""Likes beyond a cap, and of the day after."""
MAX_VIDEOS: Final = 500
MAX_MS: Final = 12 * MS_PER_HOUR
_FLIPS_BEFORE_RETURN: Final = 2
"""A like, and the end of it by a ban."""


def admission_findings(audited: AuditedSystem) -> Iterator[Finding]:
    """Yields what was counted of accounts that like too much in a day, in a month, or at once.

    There is no finding for a policy whose caps or burst rule would take more likes or time than fit here.
    """
    policy = audited.scenario.policy
    apart_ms = 1000 * max(policy.integrity.burst_seconds, 1)
    count = policy.daily_cap + 2 * MORE
    if count > MAX_VIDEOS or count * apart_ms > MAX_MS:
        return
    admissions = _Admissions(audited, policy, apart_ms, _find_day_ms(audited.in_process.clock()))
    audited.in_process.clock.advance_to(admissions.start_ms)
    audited.in_process.intake.post_videos(
        [audited.scenario.video(name, admissions.start_ms) for name in admissions.videos]
    )
    yield from admissions.like_too_much()
    if policy.integrity.burst_seconds and policy.integrity.burst_likes + MORE < policy.daily_cap:
        yield admissions.like_at_once()


def _find_day_ms(now_ms: int) -> int:
    """Returns the begin of the next day that is followed by another one of its month."""
    day_ms = (now_ms // MS_PER_DAY + 1) * MS_PER_DAY
    following = datetime.fromtimestamp((day_ms + MS_PER_DAY) / 1000, UTC)
    return day_ms + MS_PER_DAY if following.day == 1 else day_ms


@dataclass(frozen=True)
class _Admissions:
    """Videos that few accounts like.

    Args:
        audited: the store after the scenario.
        policy: its policy.
        apart_ms: time between likes that form no burst.
        start_ms: begin of the first of two days.
    """

    audited: AuditedSystem
    policy: Policy
    apart_ms: int
    start_ms: int

    @property
    def videos(self) -> list[str]:
        """As many as may be liked in a day, and some more."""
        return [f"audit-admission-{number}" for number in range(self.policy.daily_cap + 2 * MORE)]

    def like_too_much(self) -> Iterator[Finding]:
        """An account likes more than the cap of a day, then again, is banned and reinstated, and goes on."""
        policy, account = self.policy, f"{self.audited.scenario.name}-eager"
        first, next_day = self.videos[:-MORE], self.videos[-MORE:]
        times = [self.start_ms + number * self.apart_ms for number in range(len(first))]
        refused = self._like(account, first, times) + self._like(account, first, times)
        most = min(policy.daily_cap, policy.monthly_cap or policy.daily_cap)
        over = len(first) - most
        counted, held = self._count(account)
        yield Finding(
            f"{len(first)} likes of one account on one day, sent twice",
            f"{most} counted, {over} over the cap each time, of which nothing is stored",
            f"{counted} counted, {refused} over the cap, {held} stored",
            (counted, refused, held) == (most, 2 * over, most),
        )
        self.audited.in_process.clock.advance_to(self.start_ms + MS_PER_DAY)
        now_ms = self.audited.in_process.clock()
        self.audited.in_process.staff.carry_out(
            [Action(now_ms, kind, account) for kind in (ActionKind.BAN, ActionKind.REINSTATE)]
        )
        again = most if policy.flip_cap > _FLIPS_BEFORE_RETURN else 0
        counted, held = self._count(account)
        yield Finding(
            "the same account, banned and reinstated on the next day",
            f"{again} counted: what was over the cap stays out",
            f"{counted} counted, {held} stored",
            (counted, held) == (again, most),
        )
        more = min(MORE, (policy.monthly_cap or most + MORE) - most)
        self._like(account, next_day, [now_ms + number * self.apart_ms for number in range(MORE)])
        counted, _ = self._count(account)
        yield Finding(
            f"{MORE} more likes of it on that day, in the same month",
            f"{again + more} counted together",
            f"{counted}",
            counted == again + more,
        )

    def like_at_once(self) -> Finding:
        """An account likes in a burst, and once more when that is over."""
        account, likes = f"{self.audited.scenario.name}-hasty", self.policy.integrity.burst_likes + MORE
        begin_ms = self.audited.in_process.clock() + self.apart_ms
        times = [*range(begin_ms, begin_ms + likes), begin_ms + likes - 1 + self.apart_ms]
        self._like(account, self.videos[: likes + 1], times)
        expected, (counted, held) = likes - MORE + 1, self._count(account)
        return Finding(
            f"{likes} likes of one account at once, and one when {self.apart_ms // 1000} s are over",
            f"{expected} counted: the first {likes - MORE} and the last",
            f"{counted} counted, {held} stored",
            counted == expected,
        )

    def _like(self, account: str, videos: Sequence[str], times: Sequence[int]) -> int:
        """Sends likes in one batch, and returns how many were over a cap."""
        in_process, scenario = self.audited.in_process, self.audited.scenario
        in_process.clock.advance_to(max(times[-1], in_process.clock()))
        before = in_process.intake.events["over_cap"]
        in_process.intake.post_events(
            [scenario.like(video, account, at_ms) for video, at_ms in zip(videos, times, strict=True)]
        )
        return in_process.intake.events["over_cap"] - before

    def _count(self, account_id: str) -> tuple[int, int]:
        """Counts the engagements of an account that are counted, and those that are stored."""
        store, shards = self.audited.store, self.audited.in_process.staff.recount.shards
        with closing(connect(store.settings, MAINTENANCE)) as client:
            held = read_account(replace(shards, client=client), store.keys.current.pseudonymise(account_id))
        registers = held.registers if held else ()
        return sum(register.flips % 2 for register in registers), len(registers)
