"""The batches that the writers of the kill and power-cut tests send; each can be derived from its number."""

import random
from collections.abc import Sequence
from typing import Final

from privacy.vault.entries import AdmittedEvent
from tests.support.reference_model import ReferenceModel

FLIP_CAP: Final = 4
DAILY_CAP: Final = 40
_ACCOUNTS: Final = 25
_EVENTS: Final = 12


def batch_of(writer: str, number: int, series: Sequence[int]) -> list[AdmittedEvent]:
    """Return a batch: likes and un-likes of the writer's own accounts, some late, some duplicated.

    Every 20 batches have new accounts, so that there is always something to count.

    Args:
        writer: names the accounts.
        number: of the batch, from 0.
        series: numbers of the series that are liked.
    """
    rng = random.Random(f"{writer}/{number}")
    generation = number // 20
    events = [
        (
            f"{writer}-{generation}-{rng.randrange(_ACCOUNTS)}",
            rng.choice(series),
            max(0, number - rng.randrange(3)),
            rng.choice((0, 0, 0, 1)),
            rng.randrange(12),
        )
        for _ in range(_EVENTS)
    ]
    return [*events, rng.choice(events)]


def reference_of(writers: dict[str, int], series: Sequence[int]) -> ReferenceModel:
    """Return the expected state after the given number of batches per writer. Writers share no accounts."""
    reference = ReferenceModel(FLIP_CAP, DAILY_CAP)
    for writer, batches in writers.items():
        for number in range(batches):
            reference.record(batch_of(writer, number, series), 0)
    return reference
