"""Runs a campaign: plants canaries, sends likes in rounds of one epoch each, and evaluates the attacks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count

from redis.exceptions import RedisError

from privacy.audit.black_box.campaign_scale import PATIENCE_MS
from privacy.audit.black_box.context import Attack, CampaignContext
from privacy.audit.black_box.release_monitor import ReleaseMonitor
from privacy.audit.report_model import Finding, Section
from privacy.errors import LikewiseError, StoreBusyError
from privacy.model.timestamp import Clock

_POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Campaign:
    """Carries out attacks on a common timeline.

    Args:
        context: shared by the attacks.
        attacks: in the order of the report.
        monitor: polls the public plane during the rounds.
        clock: now, in ms since 1970 UTC.
        wait: sleeps for the given number of seconds.
    """

    context: CampaignContext
    attacks: Sequence[Attack]
    monitor: ReleaseMonitor
    clock: Clock
    wait: Callable[[float], object]

    def plant(self) -> bool:
        """Registers canaries, sends the first events, and returns whether this preceded the first release.

        Raises:
            StoreBusyError: the deployment does not answer.
            InvalidInputError: it refuses a request that the keys should allow.
        """
        deployment, total = self.context.deployment, len(self.attacks)
        for number, attack in enumerate(self.attacks):
            self.context.progress("planting", number, total)
            deployment.plant(attack.canaries())
            deployment.send(attack.first_events())
        self.context.progress("planting", total, total)
        return self.clock() < self.context.first_release_ms

    def run(self) -> list[Section]:
        """Sends the rounds, waits for the releases and evaluates the attacks.

        An attack that cannot be finished becomes a section that says so; the others are carried out.

        Raises:
            StoreBusyError: before the attacks, the deployment stopped making releases, or does not answer.
            InvalidInputError: before the attacks, it refuses a request that the keys should allow.
        """
        self._wait_for(self._send_rounds())
        counted_epochs = self.monitor.counted_epochs()
        unfinished = [_begin(attack) for attack in self.attacks]
        sections: list[Section] = []
        for number, (attack, failed) in enumerate(zip(self.attacks, unfinished, strict=True)):
            self.context.progress("attacks", number, len(self.attacks))
            sections += failed or _evaluate(attack, counted_epochs)
        self.context.progress("attacks", len(self.attacks), len(self.attacks))
        return sections

    def _send_rounds(self) -> int:
        """Sends each round in the middle of an epoch, and returns the last epoch to wait for.

        A round that takes long to send is counted in a later epoch; the monitor finds out which.
        """
        rounds = self.context.scale.rounds
        for number in range(1, rounds + 1):
            self.context.progress("rounds", number - 1, rounds)
            middle_ms = (self._due_ms(number - 1) + self._due_ms(number)) // 2
            while self.clock() < middle_ms:
                self.monitor.poll()
                self.wait(_POLL_SECONDS)
            events = [event for attack in self.attacks for event in attack.round_events(number)]
            self.context.deployment.send(events)
        self.context.progress("rounds", rounds, rounds)
        return next(epoch for epoch in count(rounds) if self._due_ms(epoch) > self.clock()) + 1

    def _wait_for(self, epoch: int) -> None:
        """Waits until an epoch is released."""
        latest, changed_ms = -1, self._due_ms(epoch) + 1000 * self.context.claim.public_delay_seconds
        while min(observed := self.monitor.poll()) < epoch:
            self.context.progress("releases", max(0, min(observed)), epoch)
            if min(observed) > latest:
                latest, changed_ms = min(observed), max(self.clock(), changed_ms)
            if self.clock() > changed_ms + PATIENCE_MS:
                raise StoreBusyError(
                    f"the sandbox made no release for {PATIENCE_MS // 1000} s; is `likewise release` running?"
                )
            self.wait(_POLL_SECONDS)
        self.context.progress("releases", epoch, epoch)

    def _due_ms(self, epoch: int) -> int:
        ages = self.context.claim.due_ages_seconds
        return self.context.first_release_ms + 1000 * (ages[epoch] - ages[0])


def _begin(attack: Attack) -> Sequence[Section]:
    """Begins an attack, and returns a section if that cannot be finished."""
    try:
        attack.begin()
    except (LikewiseError, RedisError) as error:
        return [_build_unfinished_section(attack, error)]
    return []


def _evaluate(attack: Attack, counted_epochs: Sequence[int]) -> Sequence[Section]:
    try:
        return attack.evaluate(counted_epochs)
    except (LikewiseError, RedisError) as error:
        return [_build_unfinished_section(attack, error)]


def _build_unfinished_section(attack: Attack, error: Exception) -> Section:
    return Section(
        key=attack.key,
        title=attack.title,
        tried="The attack was begun and could not be finished.",
        breaks="The attack does not end. This is no break of the guarantee, and no evidence for it.",
        confidence="None: this audit says nothing about the attack. Repeat it, on a less busy machine if "
        "answers or releases were late.",
        findings=(Finding("the attack", "finished", f"not finished: {error}", passed=False),),
    )
