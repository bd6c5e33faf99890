"""Mistakes that are made in certain circumstances only: of a kind, a batch, a thread, a count, a process."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from privacy.mechanism.accounting import Calibration
from privacy.mechanism.discrete_gaussian import DiscreteGaussian
from privacy.mechanism.entropy import EntropySource
from privacy.model.engagement import KINDS_PER_TARGET, Kind
from privacy.release import engine, measure, worker
from privacy.release.history import StreamRecords
from privacy.tally.series import DueSeries, SeriesState
from tests.support.mutations.mutation import Mutation

if TYPE_CHECKING:
    import pytest

BATCHES, SOURCE = "recalculation, whole batches", "entropy, the source"
MANY = 1_000_000
FIRST_TARGETS = 10_000
SHORT_NAME = 16
_right_draws = DiscreteGaussian.noise
_right_noise = measure._draw_noise
_right_measure = measure.measure
_right_make = engine.make_releases


class Call(threading.local):
    """The call of `measure` that a thread is in, and its last draws for likes."""

    states: Sequence[SeriesState]
    kind: Kind
    exact: NDArray[np.int64]
    steps: NDArray[np.intp]
    likes: NDArray[np.int64] = np.empty(0, np.int64)


def _altered(alter: Callable[[NDArray[np.int64], Call], Any]) -> Callable[[pytest.MonkeyPatch], None]:
    """Alters correct noise by what is measured."""

    def apply(patch: pytest.MonkeyPatch) -> None:
        call = Call()

        def measured(
            net: StreamRecords,
            exact: NDArray[np.int64],
            steps: NDArray[np.intp],
            before: StreamRecords,
            calibration: Calibration,
            *rest: Any,
            **options: Any,
        ) -> Any:
            call.kind, call.exact, call.steps = calibration.kind, exact, steps
            return _right_measure(net, exact, steps, before, calibration, *rest, **options)

        def noise(scales: NDArray[np.int64], entropy: EntropySource) -> NDArray[np.int64]:
            return np.asarray(alter(_right_noise(scales, entropy), call), np.int64)

        def make(batch: Sequence[DueSeries], *rest: Any, **options: Any) -> Any:
            call.states = [due.state for due in batch]
            return _right_make(batch, *rest, **options)

        patch.setattr(worker, "make_releases", make)
        patch.setattr(engine, "measure", measured)
        patch.setattr(measure, "_draw_noise", noise)

    return apply


def _without_noise(
    select: Callable[[Call], NDArray[np.bool_]],
) -> Callable[[NDArray[np.int64], Call], Any]:
    """Leaves the noise of some series out, where it is drawn for every stream and step."""

    def altered(drawn: NDArray[np.int64], call: Call) -> Any:
        draws = (call.steps + 1) * call.exact.shape[1]
        return drawn * ~np.repeat(select(call), draws) if draws.sum() == drawn.size else drawn

    return altered


def _by_state(select: Callable[[SeriesState], bool]) -> Callable[[pytest.MonkeyPatch], None]:
    """Leaves the noise of some series out by what they are."""

    def selected(call: Call) -> NDArray[np.bool_]:
        return np.array([select(state) for state in call.states])

    return _altered(_without_noise(selected))


def _likes_again(drawn: NDArray[np.int64], call: Call) -> Any:
    if call.kind == Kind.LIKE:
        call.likes = drawn
    return call.likes if call.kind == Kind.FAVORITE and call.likes.size == drawn.size else drawn


def _in_the_main_thread(patch: pytest.MonkeyPatch) -> None:
    def noise(self: DiscreteGaussian, count: int) -> NDArray[np.int64]:
        return _right_draws(self, count) * (threading.current_thread() is threading.main_thread())

    patch.setattr(DiscreteGaussian, "noise", noise)


def _seeded_by_process(patch: pytest.MonkeyPatch) -> None:
    generators: dict[int, np.random.Generator] = {}

    def entropy(count: int) -> bytes:
        return generators.setdefault(os.getpid(), np.random.default_rng(os.getpid())).bytes(count)

    patch.setattr("api.runtime.release.entropy", entropy)


CIRCUMSTANCES = (
    Mutation(
        "no noise for series behind others of their batch",
        _altered(_without_noise(lambda call: call.steps < call.steps.max())),
        BATCHES,
        in_quick_tests=True,
    ),
    Mutation(
        "favourites without noise",
        _altered(lambda noise, call: noise * (call.kind != Kind.FAVORITE)),
        BATCHES,
    ),
    Mutation(
        "follows with half the noise",
        _altered(lambda noise, call: noise // 2 if call.kind == Kind.FOLLOW else noise),
        BATCHES,
    ),
    Mutation("a favourite with the noise of a like", _altered(_likes_again), BATCHES),
    Mutation("no noise outside the main thread", _in_the_main_thread, BATCHES),
    Mutation(
        "no noise from a total of 1,000,000 on",
        _altered(_without_noise(lambda call: call.exact[:, 0] >= MANY)),
        BATCHES,
    ),
    Mutation(
        "no noise from the 10,000th target on",
        _by_state(lambda state: state.number >= KINDS_PER_TARGET * FIRST_TARGETS),
        BATCHES,
    ),
    Mutation("no noise for long names", _by_state(lambda state: len(state.target_id) > SHORT_NAME), BATCHES),
    Mutation("no noise for what has been posted", _by_state(lambda state: state.starts_at_ms > 0), BATCHES),
    Mutation("a generator seeded with the process id", _seeded_by_process, SOURCE, in_quick_tests=True),
)
