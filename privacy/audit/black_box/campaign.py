"""A campaign: canaries are planted, likes come in rounds of one epoch each, then the attacks are judged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count

from privacy.audit.black_box.context import Attack, CampaignContext
from privacy.audit.black_box.release_monitor import ReleaseMonitor
from privacy.audit.report_model import Section
from privacy.errors import StoreBusyError
from privacy.model.timestamp import Clock

_LOOK_SECONDS = 0.1
_MAX_DELAY_MS = 120_000
"""A release that is later than this will not come."""


@dataclass(frozen=True)
class Campaign:
    """Carries out attacks that share a time line.

    Args:
        ground: what they share.
        attacks: in the order of the report.
        watch: looks at the public plane while the rounds go on.
        clock: now, in ms since 1970 UTC.
        wait: rests so many seconds.
    """

    ground: CampaignContext
    attacks: Sequence[Attack]
    watch: ReleaseMonitor
    clock: Clock
    wait: Callable[[float], object]

    def plant(self) -> bool:
        """Register canaries and send what comes first; whether that was done before the first release.

        Raises:
            StoreBusyError: the deployment does not answer.
            InvalidInputError: it refuses a request that the keys should allow.
        """
        deployment, total = self.ground.deployment, len(self.attacks)
        for number, attack in enumerate(self.attacks):
            self.ground.progress("planting", number, total)
            deployment.plant(attack.canaries())
            deployment.send(attack.first_events())
        self.ground.progress("planting", total, total)
        return self.clock() < self.ground.first_release_ms

    def run(self) -> list[Section]:
        """Send rounds, wait, read and judge.

        Raises:
            StoreBusyError: nothing is released any more, or nobody answers.
            InvalidInputError: the deployment refuses a request that the keys should allow.
        """
        self._wait_for(self._send_rounds())
        landed = self.watch.landed()
        sections: list[Section] = []
        for number, attack in enumerate(self.attacks):
            self.ground.progress("attacks", number, len(self.attacks))
            sections += attack.judge(landed)
        self.ground.progress("attacks", len(self.attacks), len(self.attacks))
        return sections

    def _send_rounds(self) -> int:
        """Send each round in the middle of an epoch; the last epoch that matters.

        A busy release worker may count a round earlier or later than its time says: the watch finds out.
        """
        rounds = self.ground.sizes.rounds
        for number in range(1, rounds + 1):
            self.ground.progress("rounds", number - 1, rounds)
            middle_ms = (self._due_ms(number - 1) + self._due_ms(number)) // 2
            while self.clock() < middle_ms:
                self.watch.look()
                self.wait(_LOOK_SECONDS)
            events = [event for attack in self.attacks for event in attack.round_events(number)]
            self.ground.deployment.send(events)
        self.ground.progress("rounds", rounds, rounds)
        return next(epoch for epoch in count(rounds) if self._due_ms(epoch) > self.clock()) + 1

    def _wait_for(self, epoch: int) -> None:
        """Wait until an epoch is released."""
        latest, changed_ms = -1, self._due_ms(epoch)
        while min(seen := self.watch.look()) < epoch:
            self.ground.progress("releases", max(0, min(seen)), epoch)
            if min(seen) > latest:
                latest, changed_ms = min(seen), max(self.clock(), changed_ms)
            if self.clock() > changed_ms + _MAX_DELAY_MS:
                raise StoreBusyError(
                    f"the sandbox released nothing for {_MAX_DELAY_MS // 1000} s: is `likewise release` up?"
                )
            self.wait(_LOOK_SECONDS)
        self.ground.progress("releases", epoch, epoch)

    def _due_ms(self, epoch: int) -> int:
        ages = self.ground.claim.due_ages_seconds
        return self.ground.first_release_ms + 1000 * (ages[epoch] - ages[0])
