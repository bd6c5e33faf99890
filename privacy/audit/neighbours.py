"""Defines datasets that differ in one engagement, and releases them as a reader sees them."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import ceil, nan

import numpy as np
from numpy.typing import NDArray

from privacy.audit.independent_accounting import IndependentAccounting
from privacy.audit.target_histories import CountChange, TargetHistories, encode_log, map_documents
from privacy.mechanism.accounting import Calibration
from privacy.mechanism.entropy import EntropySource
from privacy.model.documents import ReleaseDocument
from privacy.model.engagement import Reason

BATCH = 500
CROWD = 400
LATE_EPOCHS = 2

Log = list[list[CountChange]]
"""Changes in each epoch."""


@dataclass(frozen=True)
class Dataset:
    """The history of one target.

    Args:
        name: for the report.
        logs: one per epoch.
        first_epoch: epoch in which the target was registered.
    """

    name: str
    logs: tuple[bytes, ...]
    first_epoch: int = 0


@dataclass(frozen=True)
class DatasetPair:
    """Two neighbouring datasets.

    Args:
        name: describes the difference.
        first: index of one dataset.
        second: index of the other one.
    """

    name: str
    first: int
    second: int


@dataclass(frozen=True)
class NeighbouringDatasets:
    """All datasets that are released, and the pairs that are compared.

    Args:
        datasets: all datasets.
        pairs: the pairs to distinguish.
    """

    datasets: tuple[Dataset, ...]
    pairs: tuple[DatasetPair, ...]

    @property
    def families(self) -> tuple[tuple[int, ...], ...]:
        """Indexes of the datasets, grouped by equal first epochs."""
        groups: dict[tuple[bytes, int], list[int]] = defaultdict(list)
        for index, dataset in enumerate(self.datasets):
            groups[dataset.logs[0], dataset.first_epoch].append(index)
        return tuple(map(tuple, groups.values()))


def neighbouring_datasets(reference: IndependentAccounting, noise: tuple[int, ...]) -> NeighbouringDatasets:
    """Returns datasets with one engagement added, removed, flipping or moved: early, late and at the gate.

    Args:
        reference: the audit's own accounting.
        noise: noise scale of each statistic.
    """
    histories, pairs = _crowd_histories(reference)
    for name, without, with_it in _gate_histories(reference, noise):
        pairs.append(DatasetPair(name, len(histories), len(histories) + 1))
        histories += [(f"{name}, without", without, 0), (f"{name}, with", with_it, 0)]
    datasets = tuple(
        Dataset(name, tuple(encode_log(reference.policy, log) for log in history), first)
        for name, history, first in histories
    )
    return NeighbouringDatasets(datasets, tuple(pairs))


def _crowd_histories(
    reference: IndependentAccounting,
) -> tuple[list[tuple[str, Log, int]], list[DatasetPair]]:
    """Returns name, history and first epoch of popular targets with and without one engagement, and pairs."""
    epochs = min(reference.policy.flip_cap, len(reference.coefficients))
    cell = _first_cell(reference)
    crowd: Log = [
        [CountChange(cell, CROWD)],
        *([CountChange(cell, 20), CountChange(cell, 10, Reason.UNLIKED)] for _ in range(epochs - 1)),
    ]
    late = len(reference.coefficients) - len(crowd[:LATE_EPOCHS])
    flips = {epoch: (1, Reason.UNLIKED if epoch % 2 else 0) for epoch in range(epochs)}
    histories: list[tuple[str, Log, int]] = [
        ("without", crowd, 0),
        ("from the first epoch on", _add_engagement(crowd, cell, {0: (1, 0)}), 0),
        ("from the last epoch on", _add_engagement(crowd, cell, {epochs - 1: (1, 0)}), 0),
        ("removed again", _add_engagement(crowd, cell, {0: (1, 0), epochs - 1: (1, Reason.UNLIKED)}), 0),
        ("flipping", _add_engagement(crowd, cell, flips), 0),
        ("late, without", crowd[:LATE_EPOCHS], late),
        ("late, flipping", _add_engagement(crowd, cell, flips)[:LATE_EPOCHS], late),
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
    return histories, pairs


def _gate_histories(reference: IndependentAccounting, noise: tuple[int, ...]) -> list[tuple[str, Log, Log]]:
    """Returns numbers that one engagement lifts to k or to a threshold: name, history without and with it."""
    policy, cell, thresholds = reference.policy, _first_cell(reference), reference.thresholds(noise)[0]
    crowd = CountChange({}, CROWD)
    few_removals = CountChange({}, policy.k * (policy.flip_cap // 2) - 1, Reason.UNLIKED)
    at_cell = CountChange(cell, ceil(thresholds[reference.streams[1].start]))
    one, one_in_cell = CountChange({}, 1), CountChange(cell, 1)
    cases = [
        ("a total at k", [CountChange({}, policy.k - 1)], one),
        ("a cell at k", [crowd, CountChange(cell, policy.k - 1)], one_in_cell),
        ("removals at k", [crowd, few_removals], CountChange({}, 1, Reason.UNLIKED)),
        ("a total at its threshold", [CountChange({}, ceil(thresholds[0]))], one),
        ("a cell at its threshold", [crowd, at_cell], one_in_cell),
    ]
    return [(name, [changes], [[*changes, more]]) for name, changes, more in cases]


def _first_cell(reference: IndependentAccounting) -> dict[str, str]:
    """Returns the first value of every dimension."""
    return {dimension.name: dimension.values[0] for dimension in reference.policy.domain.dimensions}


def _add_engagement(history: Log, cell: Mapping[str, str], flips: Mapping[int, tuple[int, int]]) -> Log:
    """Returns a history with one more engagement, which flips in the given epochs."""
    return [
        [*log, CountChange(cell, *flips[epoch])] if epoch in flips else log
        for epoch, log in enumerate(history)
    ]


def observe(
    calibration: Calibration,
    reference: IndependentAccounting,
    datasets: Sequence[Dataset],
    releases: int,
    entropy: EntropySource,
) -> list[NDArray[np.float32]]:
    """Releases each dataset and returns what a reader sees, with NaN for withheld numbers.

    While their histories are equal, the datasets share their releases, which saves a fifth of the work. The
    releases of each dataset alone have the right distribution, and the bounds need no more: by the union
    bound, they do not require that the two samples are independent.

    Returns:
        For each dataset, an array of shape (releases, epochs × numbers).
    """
    seen: list[list[NDArray[np.float32]]] = [[] for _ in datasets]
    histories = {index: dataset.logs for index, dataset in enumerate(datasets)}
    for start in range(0, releases, BATCH):
        fresh = TargetHistories.create(calibration, min(BATCH, releases - start), datasets[0].first_epoch)
        for index, epochs in _release_shared(fresh, reference, histories, entropy):
            seen[index].append(np.concatenate(epochs, axis=1))
    return [np.concatenate(batches) for batches in seen]


def _release_shared(
    targets: TargetHistories,
    reference: IndependentAccounting,
    histories: Mapping[int, tuple[bytes, ...]],
    entropy: EntropySource,
) -> Iterator[tuple[int, list[NDArray[np.float32]]]]:
    """Yields the index of each history with its observations, epoch by epoch, from the current epoch on."""
    groups: dict[bytes, dict[int, tuple[bytes, ...]]] = defaultdict(dict)
    for index, (log, *later) in histories.items():
        groups[log][index] = tuple(later)
    for log, rest in groups.items():
        made = targets.release([log] * len(targets.histories), entropy)
        shown = np.array(map_documents(made, partial(_read_numbers, reference=reference)), np.float32)
        yield from ((index, [shown]) for index, later in rest.items() if not later)
        going_on = {index: later for index, later in rest.items() if later}
        for index, epochs in (
            _release_shared(targets.advance(made), reference, going_on, entropy) if going_on else ()
        ):
            yield index, [shown, *epochs]


def _read_numbers(document: ReleaseDocument, reference: IndependentAccounting) -> list[float]:
    figures = [document.total, document.change, *document.removals.values()]
    figures += [document.removal_changes.get(reason) for reason in document.removals]
    for dimension in reference.policy.series_dimensions:
        breakdown = document.breakdowns[dimension.name]
        figures += [
            breakdown.cells[dimension.values[0]],
            breakdown.cells[dimension.cells[-1]],
            breakdown.other,
        ]
    return [figure[0] if figure else nan for figure in figures]
