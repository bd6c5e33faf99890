"""The schedule of a target's epochs, a function of public data only."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import msgspec

from privacy.errors import PolicyError
from privacy.model.timestamp import SECONDS_PER_DAY


class Phase(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of the schedule with evenly spaced epochs."""

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
        """The ages of each phase; the end of the last phase is always one."""
        stretches: list[range] = []
        age = 0
        for phase in self.phases:
            ages = range(age + phase.every_seconds, phase.until_seconds + 1, phase.every_seconds)
            stretches.append(ages)
            age = ages[-1] if ages else age
        last = self.phases[-1].until_seconds
        return (*stretches, range(last, last + (age < last)))

    def compress(self, by: int) -> Schedule:
        """Return a schedule with the same epochs, each shorter by the given factor.

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
        """Ages at which the epochs end, T increasing values."""
        return tuple(chain.from_iterable(self._stretches))

    @property
    def epochs(self) -> int:
        """T, the number of epochs."""
        return len(self.due_ages_seconds)

    def due_ms(self, starts_at_ms: int, epoch: int) -> int:
        """Return the end of a target's epoch, in ms since 1970 UTC: always a whole second.

        An event belongs to the epoch if the second in which it was taken in lies before it.
        """
        return 1000 * (starts_at_ms // 1000 + self.due_ages_seconds[epoch])

    def next_due_ms(self, starts_at_ms: int, epoch: int) -> int | None:
        """Return the end of the epoch after this one; None after the last."""
        return self.due_ms(starts_at_ms, epoch + 1) if epoch + 1 < self.epochs else None

    def first_open_epoch(self, starts_at_ms: int, now_ms: int) -> int | None:
        """Return the epoch running now; None after the last one, when the target is sealed.

        An epoch that ends exactly now is over. Before the start, epoch 0 is running.
        """
        epoch = bisect_right(self.due_ages_seconds, now_ms // 1000 - starts_at_ms // 1000)
        return epoch if epoch < self.epochs else None

    def day_before(self, epoch: int) -> int | None:
        """Return the latest epoch at least one day older than this one.

        −1 is the moment of posting, when every count is zero; None if the target is less than a day old.
        """
        if self.due_ages_seconds[epoch] < SECONDS_PER_DAY:
            return None
        return bisect_right(self.due_ages_seconds, self.due_ages_seconds[epoch] - SECONDS_PER_DAY) - 1


MAX_AGE_SECONDS = 100 * 366 * SECONDS_PER_DAY
MAX_EPOCHS = 1_000
"""Certifying the sensitivity of this many epochs takes seconds; each further epoch costs accuracy at all."""
