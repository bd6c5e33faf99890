"""Monitors releases: checks that numbers and schedules do not change between releases or with activity."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import msgspec
import numpy as np

from privacy.audit.black_box.context import TargetAttack
from privacy.audit.black_box.deployment import Canary, CanaryEvent
from privacy.audit.black_box.published import OK, latest_served_ms, read_totals
from privacy.audit.black_box.sybils import likes_of_sybils, likes_until_shown
from privacy.audit.report_model import Finding, Section
from privacy.errors import InvalidInputError
from privacy.model.timestamp import Clock, parse_timestamp_ms

QUIET = 20
"""Targets without events after the first release."""
BUSY = 10
"""Targets with likes in every round, in different shards."""
BUSY_LIKES = 100
"""Likes per busy target and round: far more than the noise of the mean of ten totals."""


@dataclass
class ReleaseMonitor(TargetAttack):
    """Polls busy targets, quiet targets, and one target below k.

    Args:
        context: of the campaign.
        clock: now, in ms since 1970 UTC; the deployment's own time is used if its answers contain it.
    """

    key = "release-monitor"
    title = "Monitoring between releases"

    clock: Clock
    _polls: int = field(default=0, init=False, repr=False)
    _numbers: dict[tuple[str, int], set[bytes]] = field(
        default_factory=lambda: defaultdict(set), init=False, repr=False
    )
    _announced_times: dict[int, set[str | None]] = field(
        default_factory=lambda: defaultdict(set), init=False, repr=False
    )
    _early_releases: int = field(default=0, init=False, repr=False)

    def create_targets(self) -> list[Canary]:
        """Creates the targets."""
        names = ["few", *(f"busy-{number}" for number in range(BUSY))]
        names += [f"quiet-{number}" for number in range(QUIET)]
        return [self.context.canary(name) for name in names]

    @property
    def _busy(self) -> list[Canary]:
        return self.targets[1 : 1 + BUSY]

    @cached_property
    def _known_likes(self) -> int:
        return likes_until_shown(self.context)

    def first_events(self) -> Sequence[CanaryEvent]:
        """Returns enough likes for the busy and quiet targets to be shown, and too few for one target."""
        few, *others = self.targets
        events = list(likes_of_sybils(self.context, "watch", others, self._known_likes))
        return events + list(likes_of_sybils(self.context, "few", [few], self.context.claim.k - 1))

    def round_events(self, number: int) -> Sequence[CanaryEvent]:
        """Returns likes of the busy targets."""
        return list(likes_of_sybils(self.context, f"busy-{number}", self._busy, BUSY_LIKES))

    def counted_epochs(self) -> list[int]:
        """Returns the epoch in which each round was counted, where the busy targets' mean total rose."""
        rounds = self.context.scale.rounds
        epochs_in_schedule = len(self.context.claim.due_ages_seconds)
        observed = read_totals(self.context.deployment, self._busy, epochs_in_schedule)
        shown = ~np.isnan(observed)
        rise = np.where(shown, observed, 0).sum(axis=0) / np.maximum(1, shown.sum(axis=0)) - self._known_likes
        return [int(np.argmax(rise > BUSY_LIKES * (number - 1 / 2))) for number in range(1, rounds + 1)]

    def poll(self) -> list[int]:
        """Reads all targets at once, records the answer, and returns the epoch of each; −1 before the first.

        Raises:
            InvalidInputError: the status is not 200.
        """
        path = f"/v1/videos?ids={','.join(target.public_id for target in self.targets)}"
        reply = self.context.deployment.read(path)
        if reply.status != OK:
            raise InvalidInputError(path[:40], f"is answered with {reply.status}", "200")
        self._polls += 1
        now_ms = latest_served_ms(reply, self.clock)
        epochs = [-1 for _ in self.targets]
        for index, video in enumerate(reply.document["videos"]):
            number = video["likes"]
            if number["epoch"] is not None:
                epochs[index] = number["epoch"]
                self._remember(video["video_id"], number, now_ms)
        return epochs

    def evaluate(self, counted_epochs: Sequence[int]) -> Sequence[Section]:  # noqa: ARG002 - an Attack's
        """Reports what changed."""
        changed = sum(len(observed) > 1 for observed in self._numbers.values())
        inconsistent = sum(len(times) > 1 for times in self._announced_times.values())
        findings = (
            Finding(
                what="a number between two releases",
                required="the same bytes at every poll",
                found=f"{changed:,} of {len(self._numbers):,} numbers changed in {self._polls:,} polls",
                passed=changed == 0 and bool(self._numbers),
            ),
            Finding(
                what="early releases",
                required="none before the next_release_at of the previous release",
                found=f"{self._early_releases:,} early",
                passed=self._early_releases == 0,
            ),
            Finding(
                what="the schedule of busy, quiet and small targets",
                required="one next_release_at per epoch",
                found=f"{inconsistent:,} of {len(self._announced_times):,} epochs had several",
                passed=inconsistent == 0,
            ),
        )
        section = Section(
            key=self.key,
            title=self.title,
            tried=f"{len(self.targets)} targets were polled {self._polls:,} times over "
            f"{self.context.scale.rounds} rounds. {BUSY} got {BUSY_LIKES} likes in each round, {QUIET} got "
            "none, one is below k.",
            breaks="A number changes within its epoch, a release is early, or the schedule depends on "
            "activity.",
            confidence="Certain: bytes and times are compared. False alarms are impossible.",
            findings=findings,
        )
        return [section]

    def _remember(self, public_id: str, number: dict[str, Any], now_ms: int) -> None:
        epoch, announced = number["epoch"], self._announced_times
        # `overdue` follows from the reader's clock, and is the only member that may change.
        unchanging = {name: value for name, value in number.items() if name != "overdue"}
        self._numbers[public_id, epoch].add(msgspec.json.encode(unchanging))
        announced[epoch].add(number["next_release_at"])
        before = [time for time in announced.get(epoch - 1, ()) if time is not None]
        self._early_releases += any(now_ms < parse_timestamp_ms(time) for time in before)
