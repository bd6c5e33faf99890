"""Watching live: whether anything moves between releases, or moves because somebody did something."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any

import msgspec
import numpy as np

from privacy.audit.black_box.context import CampaignContext
from privacy.audit.black_box.deployment import Canary, CanaryEvent, Reply
from privacy.audit.black_box.published import OK, totals
from privacy.audit.black_box.sybils import likes_of_sybils, likes_to_be_shown
from privacy.audit.report_model import Finding, Section
from privacy.errors import InvalidInputError
from privacy.model.timestamp import Clock, parse_timestamp_ms

QUIET = 20
"""Targets that nobody touches after the first release."""
BUSY = 10
"""Targets that get likes in every round. They stand in different shards."""
BUSY_LIKES = 100
"""How many: far more than the noise of ten totals' mean."""


@dataclass
class ReleaseMonitor:
    """Polls targets of which some are busy, some are quiet and one is below k.

    Args:
        ground: of the campaign.
        clock: now, in ms since 1970 UTC; the deployment's own is used where its answers tell it.
    """

    ground: CampaignContext
    clock: Clock
    _looks: int = field(default=0, init=False, repr=False)
    _numbers: dict[tuple[str, int], set[bytes]] = field(
        default_factory=lambda: defaultdict(set), init=False, repr=False
    )
    _announced: dict[int, set[str | None]] = field(
        default_factory=lambda: defaultdict(set), init=False, repr=False
    )
    _early: int = field(default=0, init=False, repr=False)

    @cached_property
    def _targets(self) -> list[Canary]:
        names = ["few", *(f"busy-{number}" for number in range(BUSY))]
        names += [f"quiet-{number}" for number in range(QUIET)]
        return [self.ground.canary(name) for name in names]

    @property
    def _busy(self) -> list[Canary]:
        return self._targets[1 : 1 + BUSY]

    @cached_property
    def _base(self) -> int:
        return likes_to_be_shown(self.ground)

    def canaries(self) -> Sequence[Canary]:
        """The targets."""
        return self._targets

    def first_events(self) -> Sequence[CanaryEvent]:
        """So many likes that the busy targets and the quiet ones are shown, and too few for one."""
        few, *others = self._targets
        events = list(likes_of_sybils(self.ground, "watch", others, self._base))
        return events + list(likes_of_sybils(self.ground, "few", [few], self.ground.claim.k - 1))

    def round_events(self, number: int) -> Sequence[CanaryEvent]:
        """Likes of the busy targets."""
        return list(likes_of_sybils(self.ground, f"busy-{number}", self._busy, BUSY_LIKES))

    def landed(self) -> list[int]:
        """The epoch in which each round was counted: where the busy targets' mean total rose by it."""
        rounds = self.ground.sizes.rounds
        most = len(self.ground.claim.due_ages_seconds)
        seen = totals(self.ground.deployment, self._busy, most)
        shown = ~np.isnan(seen)
        rise = np.where(shown, seen, 0).sum(axis=0) / np.maximum(1, shown.sum(axis=0)) - self._base
        return [int(np.argmax(rise > BUSY_LIKES * (number - 1 / 2))) for number in range(1, rounds + 1)]

    def look(self) -> list[int]:
        """Ask for all targets at once, remember the answer, and tell each one's epoch; −1 before the first.

        Raises:
            InvalidInputError: the answer is not 200.
        """
        path = f"/v1/videos?ids={','.join(target.public_id for target in self._targets)}"
        reply = self.ground.deployment.read(path)
        if reply.status != OK:
            raise InvalidInputError(path[:40], f"is answered with {reply.status}", "200")
        self._looks += 1
        now_ms = _served_ms(reply, self.clock)
        epochs = [-1 for _ in self._targets]
        for place, video in enumerate(reply.document["videos"]):
            number = video["likes"]
            if number["epoch"] is not None:
                epochs[place] = number["epoch"]
                self._remember(video["video_id"], number, now_ms)
        return epochs

    def judge(self, landed: Sequence[int]) -> Sequence[Section]:  # noqa: ARG002 - an Attack's
        """Say what moved."""
        changed = sum(len(seen) > 1 for seen in self._numbers.values())
        apart = sum(len(times) > 1 for times in self._announced.values())
        findings = (
            Finding(
                what="a number between two releases",
                required="the same bytes at every look",
                found=f"{changed:,} of {len(self._numbers):,} numbers changed in {self._looks:,} looks",
                passed=changed == 0 and bool(self._numbers),
            ),
            Finding(
                what="releases before their time",
                required="none before the next_release_at of the release before",
                found=f"{self._early:,} were seen early",
                passed=self._early == 0,
            ),
            Finding(
                what="the schedule of busy, quiet and small targets",
                required="the same next_release_at in the same epoch",
                found=f"{apart:,} of {len(self._announced):,} epochs had several",
                passed=apart == 0,
            ),
        )
        section = Section(
            key="watching",
            title="Watching live between releases",
            tried=f"{len(self._targets)} targets were polled {self._looks:,} times over "
            f"{self.ground.sizes.rounds} rounds. {BUSY} got {BUSY_LIKES} likes in each, {QUIET} got none, "
            "one is below k.",
            breaks="A number changes inside its epoch, a release comes before its time, or the time "
            "depends on what accounts do.",
            confidence="Certain: equality of bytes and order of times. No false alarms.",
            findings=findings,
        )
        return [section]

    def _remember(self, public_id: str, number: dict[str, Any], now_ms: int) -> None:
        epoch, announced = number["epoch"], self._announced
        self._numbers[public_id, epoch].add(msgspec.json.encode(number))
        announced[epoch].add(number["next_release_at"])
        before = [time for time in announced.get(epoch - 1, ()) if time is not None]
        self._early += any(now_ms < parse_timestamp_ms(time) for time in before)


def _served_ms(reply: Reply, clock: Clock) -> int:
    """When the answer was made at the latest: HTTP tells whole seconds."""
    date = reply.headers.get("date")
    return clock() if date is None else 1000 * int(parsedate_to_datetime(date).timestamp()) + 999
