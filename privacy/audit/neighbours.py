"""Worlds that differ in one engagement, and what a reader sees of each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import ceil, nan
from typing import TYPE_CHECKING

import numpy as np

from privacy.audit.independent_accounting import Recomputed
from privacy.audit.target_histories import CountChange, TargetHistories, each_shown, log_of
from privacy.mechanism.accounting import Calibration
from privacy.mechanism.entropy import EntropySource
from privacy.model.documents import ReleaseDocument
from privacy.model.engagement import Reason

if TYPE_CHECKING:
    from numpy.typing import NDArray

BATCH = 500
CROWD = 400
LATE_EPOCHS = 2

Log = list[list[CountChange]]
"""What happens in each epoch."""


@dataclass(frozen=True)
class Dataset:
    """A target's life.

    Args:
        name: for the reader.
        logs: of each epoch.
        first_epoch: when it was registered.
    """

    name: str
    logs: tuple[bytes, ...]
    first_epoch: int = 0


@dataclass(frozen=True)
class DatasetPair:
    """Two neighbouring worlds, by their places among the worlds of an audit.

    Args:
        name: in what they differ.
        first: one world.
        second: the other one.
    """

    name: str
    first: int
    second: int


@dataclass(frozen=True)
class NeighbouringDatasets:
    """All worlds that are released, and the pairs that are told apart.

    Args:
        worlds: what is released.
        pairs: what is compared.
    """

    worlds: tuple[Dataset, ...]
    pairs: tuple[DatasetPair, ...]

    @property
    def families(self) -> tuple[tuple[int, ...], ...]:
        """The places of worlds that begin alike, together."""
        alike: dict[tuple[bytes, int], list[int]] = defaultdict(list)
        for place, world in enumerate(self.worlds):
            alike[world.logs[0], world.first_epoch].append(place)
        return tuple(map(tuple, alike.values()))


def neighbourhood(own: Recomputed, noise: tuple[int, ...]) -> NeighbouringDatasets:
    """One engagement added, removed, flipping as often as it may, moved; early, late, at the gate.

    Args:
        own: the audit's view of the policy.
        noise: noise scale of each statistic.
    """
    lives, pairs = _in_a_crowd(own)
    for name, without, with_it in _at_the_gate(own, noise):
        pairs.append(DatasetPair(name, len(lives), len(lives) + 1))
        lives += [(f"{name}, without", without, 0), (f"{name}, with", with_it, 0)]
    worlds = tuple(
        Dataset(name, tuple(log_of(own.policy, log) for log in life), first) for name, life, first in lives
    )
    return NeighbouringDatasets(worlds, tuple(pairs))


def _in_a_crowd(own: Recomputed) -> tuple[list[tuple[str, Log, int]], list[DatasetPair]]:
    """Targets that many engage with, and one account more: name, life and first epoch of each world."""
    epochs = min(own.policy.flip_cap, len(own.coefficients))
    cell = _cell(own)
    crowd: Log = [
        [CountChange(cell, CROWD)],
        *([CountChange(cell, 20), CountChange(cell, 10, Reason.UNLIKED)] for _ in range(epochs - 1)),
    ]
    late = len(own.coefficients) - len(crowd[:LATE_EPOCHS])
    flips = {epoch: (1, Reason.UNLIKED if epoch % 2 else 0) for epoch in range(epochs)}
    lives: list[tuple[str, Log, int]] = [
        ("without", crowd, 0),
        ("from the first epoch on", _with(crowd, cell, {0: (1, 0)}), 0),
        ("from the last epoch on", _with(crowd, cell, {epochs - 1: (1, 0)}), 0),
        ("removed again", _with(crowd, cell, {0: (1, 0), epochs - 1: (1, Reason.UNLIKED)}), 0),
        ("flipping", _with(crowd, cell, flips), 0),
        ("late, without", crowd[:LATE_EPOCHS], late),
        ("late, flipping", _with(crowd, cell, flips)[:LATE_EPOCHS], late),
    ]
    pairs = [
        DatasetPair("added early", 0, 1),
        DatasetPair("added late", 0, 2),
        DatasetPair("added and removed", 0, 3),
        DatasetPair(f"alternating {epochs} times", 0, 4),
        DatasetPair("moved in time", 1, 2),
        DatasetPair("removed, where it had stayed", 1, 3),
        DatasetPair("added and removed in the last epochs", 5, 6),
    ]
    return lives, pairs


def _at_the_gate(own: Recomputed, noise: tuple[int, ...]) -> list[tuple[str, Log, Log]]:
    """Numbers that one engagement takes to k or to a threshold: name, and life without and with it."""
    policy, cell, thresholds = own.policy, _cell(own), own.thresholds(noise)[0]
    crowd = CountChange({}, CROWD)
    few_removals = CountChange({}, policy.k * (policy.flip_cap // 2) - 1, Reason.UNLIKED)
    at_cell = CountChange(cell, ceil(thresholds[own.streams[1].start]))
    one, one_in_cell = CountChange({}, 1), CountChange(cell, 1)
    scenes = [
        ("a total at k", [CountChange({}, policy.k - 1)], one),
        ("a cell at k", [crowd, CountChange(cell, policy.k - 1)], one_in_cell),
        ("removals at k", [crowd, few_removals], CountChange({}, 1, Reason.UNLIKED)),
        ("a total at its threshold", [CountChange({}, ceil(thresholds[0]))], one),
        ("a cell at its threshold", [crowd, at_cell], one_in_cell),
    ]
    return [(name, [happenings], [[*happenings, more]]) for name, happenings, more in scenes]


def _cell(own: Recomputed) -> dict[str, str]:
    """The first value of every dimension."""
    return {dimension.name: dimension.values[0] for dimension in own.policy.domain.dimensions}


def _with(life: Log, cell: Mapping[str, str], flips: Mapping[int, tuple[int, int]]) -> Log:
    """The same life with one engagement more: in which epochs it flips, and how."""
    return [
        [*log, CountChange(cell, *flips[epoch])] if epoch in flips else log for epoch, log in enumerate(life)
    ]


def observed(
    calibration: Calibration,
    own: Recomputed,
    worlds: Sequence[Dataset],
    releases: int,
    entropy: EntropySource,
) -> list[NDArray[np.float32]]:
    """What a reader of all releases of each world sees, NaN where a number is withheld.

    The worlds are a family: while their lives are alike they share their releases, which saves a fifth of
    them. Each world alone is what it would be without the others, and the bounds ask for no more: that one of
    both sides deviates is at most as likely as that the one does or the other.

    Returns:
        of each world, shape (releases, epochs × numbers).
    """
    seen: list[list[NDArray[np.float32]]] = [[] for _ in worlds]
    lives = {place: world.logs for place, world in enumerate(worlds)}
    for start in range(0, releases, BATCH):
        fresh = TargetHistories.fresh(calibration, min(BATCH, releases - start), worlds[0].first_epoch)
        for place, epochs in _lived_on(fresh, own, lives, entropy):
            seen[place].append(np.concatenate(epochs, axis=1))
    return [np.concatenate(batches) for batches in seen]


def _lived_on(
    targets: TargetHistories, own: Recomputed, lives: Mapping[int, tuple[bytes, ...]], entropy: EntropySource
) -> Iterator[tuple[int, list[NDArray[np.float32]]]]:
    """What is seen of each life that goes on from here, epoch by epoch; by its place."""
    alike: dict[bytes, dict[int, tuple[bytes, ...]]] = defaultdict(dict)
    for place, (log, *later) in lives.items():
        alike[log][place] = tuple(later)
    for log, rest in alike.items():
        made = targets.release([log] * len(targets.histories), entropy)
        shown = np.array(each_shown(made, partial(_numbers, own=own)), np.float32)
        yield from ((place, [shown]) for place, later in rest.items() if not later)
        going_on = {place: later for place, later in rest.items() if later}
        for place, epochs in _lived_on(targets.after(made), own, going_on, entropy) if going_on else ():
            yield place, [shown, *epochs]


def _numbers(document: ReleaseDocument, own: Recomputed) -> list[float]:
    figures = [document.total, document.change, *document.removals.values()]
    figures += [document.removal_changes.get(reason) for reason in document.removals]
    for dimension in own.policy.domain.dimensions:
        breakdown = document.breakdowns[dimension.name]
        figures += [
            breakdown.cells[dimension.values[0]],
            breakdown.cells[dimension.cells[-1]],
            breakdown.other,
        ]
    return [figure[0] if figure else nan for figure in figures]
