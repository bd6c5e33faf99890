"""When a target's epochs end: a function of public data only."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

from privacy.errors import PolicyError
from privacy.model.timestamp import SECONDS_PER_DAY


@dataclass(frozen=True)
class Phase:
    """One stretch of the schedule with evenly spaced epochs."""

    every_seconds: int
    until_seconds: int

    def __post_init__(self) -> None:
        for field in ("every_seconds", "until_seconds"):
            value = getattr(self, field)
            if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MAX_AGE_SECONDS:
                raise PolicyError(
                    f"schedule.{field}: is {value!r}; a whole number of seconds from 1 to {MAX_AGE_SECONDS}"
                )


@dataclass(frozen=True)
class Schedule:
    """The ages at which a target's epochs 0 … T−1 end."""

    phases: tuple[Phase, ...]

    def __post_init__(self) -> None:
        if not self.phases:
            raise PolicyError("schedule: is empty; at least one phase")
        untils = [phase.until_seconds for phase in self.phases]
        if sorted(set(untils)) != untils:
            raise PolicyError(
                f"schedule.until_seconds: are {untils}; each phase ends after the one before it"
            )
        epochs = sum(len(stretch) for stretch in self._stretches)
        if epochs > MAX_EPOCHS:
            raise PolicyError(f"schedule: makes {epochs} epochs; at most {MAX_EPOCHS}")

    @cached_property
    def _stretches(self) -> tuple[range, ...]:
        """The ages of each phase; the end of the last phase is always an age."""
        stretches: list[range] = []
        age = 0
        for phase in self.phases:
            ages = range(age + phase.every_seconds, phase.until_seconds + 1, phase.every_seconds)
            stretches.append(ages)
            age = ages[-1] if ages else age
        last = self.phases[-1].until_seconds
        return (*stretches, range(last, last + (age < last)))

    def compressed(self, by: int) -> Schedule:
        """The same epochs, each so many times shorter.

        Raises:
            PolicyError: a phase cannot be divided.
        """
        for phase in self.phases:
            if by < 1 or phase.every_seconds % by or phase.until_seconds % by:
                raise PolicyError(
                    f"sandbox.compress_schedule_by: is {by}; a divisor of every phase's seconds, such as of "
                    f"{phase.every_seconds} and {phase.until_seconds}"
                )
        return Schedule(
            tuple(Phase(phase.every_seconds // by, phase.until_seconds // by) for phase in self.phases)
        )

    @cached_property
    def due_ages_seconds(self) -> tuple[int, ...]:
        """Age since the start at which each epoch ends, T increasing values."""
        return tuple(chain.from_iterable(self._stretches))

    @property
    def epochs(self) -> int:
        """T, the number of epochs."""
        return len(self.due_ages_seconds)

    def due_ms(self, starts_at_ms: int, epoch: int) -> int:
        """When an epoch of a target ends, in ms since 1970 UTC."""
        return starts_at_ms + 1000 * self.due_ages_seconds[epoch]

    def next_due_ms(self, starts_at_ms: int, epoch: int) -> int | None:
        """When the epoch after this one ends; None after the last."""
        return self.due_ms(starts_at_ms, epoch + 1) if epoch + 1 < self.epochs else None

    def first_open_epoch(self, starts_at_ms: int, now_ms: int) -> int | None:
        """The epoch that is running now; None when the target is past its last one (sealed).

        An epoch that ends exactly now is over. Before the start the running epoch is 0.
        """
        epoch = bisect_right(self.due_ages_seconds, (now_ms - starts_at_ms) / 1000)
        return epoch if epoch < self.epochs else None

    def day_before(self, epoch: int) -> int | None:
        """The latest epoch at least one day older than this one.

        −1 stands for the moment of posting, when every count is zero. None while the target is under a day
        old.
        """
        if self.due_ages_seconds[epoch] < SECONDS_PER_DAY:
            return None
        return bisect_right(self.due_ages_seconds, self.due_ages_seconds[epoch] - SECONDS_PER_DAY) - 1


MAX_AGE_SECONDS = 100 * 366 * SECONDS_PER_DAY
MAX_EPOCHS = 1_000
"""Certifying the sensitivity of so many epochs takes seconds; every epoch more costs all of them accuracy."""
