"""Mistakes in the noise and in the measurements."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from privacy.mechanism.discrete_gaussian import DiscreteGaussian
from privacy.mechanism.entropy import EntropySource
from privacy.mechanism.factorisation import Factorisation
from privacy.release import engine, measure
from privacy.release.history import StreamRecords
from tests.support.mutations.mutation import Mutation

if TYPE_CHECKING:
    import pytest

SOME_SCALE = 50_000
_right_noise = measure._draw_noise
_right_encode = Factorisation.encode
_right_select_due = measure._select_due
_right_measure = measure.measure


def _altered(alter: Callable[[NDArray[np.int64]], Any]) -> Callable[[pytest.MonkeyPatch], None]:
    """Alters correct noise."""

    def apply(patch: pytest.MonkeyPatch) -> None:
        def noise(scales: NDArray[np.int64], entropy: EntropySource) -> NDArray[np.int64]:
            return np.asarray(alter(_right_noise(scales, entropy)), np.int64)

        patch.setattr(measure, "_draw_noise", noise)

    return apply


def _drawn_from(
    generator: Callable[[EntropySource, NDArray[np.int64]], NDArray[np.float64]],
) -> Callable[[pytest.MonkeyPatch], None]:
    """Draws noise from another source: rounded standard normals."""

    def apply(patch: pytest.MonkeyPatch) -> None:
        def noise(scales: NDArray[np.int64], entropy: EntropySource) -> NDArray[np.int64]:
            return np.rint(generator(entropy, scales) * scales).astype(np.int64)

        patch.setattr(measure, "_draw_noise", noise)

    return apply


def _pairs_share(noise: NDArray[np.int64]) -> NDArray[np.int64]:
    shared = noise.copy()
    even = len(shared) // 2 * 2
    shared[1:even:2] = shared[:even:2]
    return shared


def _halves_share(noise: NDArray[np.int64]) -> NDArray[np.int64]:
    half = len(noise) // 2
    return np.concatenate([noise[:half], noise[:half], noise[2 * half :]])


def _across_epochs(patch: pytest.MonkeyPatch) -> None:
    rows: list[NDArray[np.intp]] = []

    def select_due(*given: NDArray[Any]) -> NDArray[np.bool_]:
        due = _right_select_due(*given)
        rows.append(np.nonzero(due)[0])
        return due

    def noise(scales: NDArray[np.int64], entropy: EntropySource) -> NDArray[np.int64]:
        if len(scales) != len(rows[-1]):  # with noise that is discarded
            return _right_noise(scales, entropy)
        _, first = np.unique(rows[-1], return_index=True)
        return _right_noise(scales[first], entropy)[np.searchsorted(rows[-1][first], rows[-1])]

    patch.setattr(measure, "_select_due", select_due)
    patch.setattr(measure, "_draw_noise", noise)


def _seeded_from_the_value(patch: pytest.MonkeyPatch) -> None:
    def encode(self: Factorisation, x: NDArray[np.int64]) -> NDArray[np.int64]:
        encoded = _right_encode(self, x)
        drawn = np.random.default_rng(int(np.abs(encoded).sum())).standard_normal(encoded.shape)
        return encoded + np.rint(drawn * SOME_SCALE).astype(np.int64)

    patch.setattr(Factorisation, "encode", encode)
    patch.setattr(measure, "_draw_noise", lambda scales, _: np.zeros_like(scales))


def _drawn_again(patch: pytest.MonkeyPatch) -> None:
    def select_due(
        known: NDArray[np.bool_], reached: NDArray[np.bool_], *rest: NDArray[Any]
    ) -> NDArray[np.bool_]:
        return _right_select_due(np.zeros_like(known), known | reached, *rest)

    patch.setattr(measure, "_select_due", select_due)


def _clamped(patch: pytest.MonkeyPatch) -> None:
    def encode(self: Factorisation, x: NDArray[np.int64]) -> NDArray[np.int64]:
        return _right_encode(self, np.maximum(x, 0))

    patch.setattr(Factorisation, "encode", encode)


def _lumped(patch: pytest.MonkeyPatch) -> None:
    def measured(net: StreamRecords, exact: Any, steps: NDArray[np.intp], *rest: Any, **options: Any) -> Any:
        lumped = StreamRecords(net.series_index, net.streams, steps[net.series_index], net.values)
        sums = np.zeros(exact.shape, np.int64)
        np.add.at(sums, (lumped.series_index, lumped.streams), lumped.values)
        series_index, streams = np.nonzero(sums)
        once = StreamRecords(series_index, streams, steps[series_index], sums[series_index, streams])
        return _right_measure(once, exact, steps, *rest, **options)

    patch.setattr(engine, "measure", measured)


def _measured_below_k(patch: pytest.MonkeyPatch) -> None:
    def measured(net: StreamRecords, exact: NDArray[np.int64], *rest: Any, **options: Any) -> Any:
        return _right_measure(net, np.where(exact > 0, exact + 1_000, exact), *rest, **options)

    patch.setattr(engine, "measure", measured)


def _two_zeros(patch: pytest.MonkeyPatch) -> None:
    def noise(self: DiscreteGaussian, count: int) -> NDArray[np.int64]:
        drawn = right(self, count)
        more = np.flatnonzero(np.abs(drawn) == 1)[::8]
        drawn[more] = 0
        return drawn

    right = DiscreteGaussian.noise
    patch.setattr(DiscreteGaussian, "noise", noise)


NOISE = (
    Mutation("half the noise", _altered(lambda noise: noise // 2), "single streams", in_quick_tests=True),
    Mutation(
        "noise 10 % short",
        _altered(lambda noise: np.rint(noise * 0.9)),
        "single streams",
        in_quick_tests=True,
    ),
    Mutation("noise 3 % short", _altered(lambda noise: np.rint(noise * 0.97)), "single streams"),
    Mutation("no noise", _altered(np.zeros_like), "single streams"),
    Mutation("noise that only adds", _altered(np.abs), "single streams"),
    Mutation("one draw shared by two numbers", _altered(_pairs_share), "single streams", in_quick_tests=True),
    Mutation("noise reused for neighbouring targets", _altered(_halves_share), "single streams"),
    Mutation("noise reused across epochs", _across_epochs, "single streams"),
    Mutation(
        "noise from a fixed seed",
        _drawn_from(lambda _, scales: _normal(7, len(scales))),
        "entropy",
        in_quick_tests=True,
    ),
    Mutation(
        "noise seeded from the query",
        _drawn_from(lambda _, scales: _normal(len(scales), len(scales))),
        "entropy",
    ),
    Mutation("noise seeded from the cell", _drawn_from(lambda _, scales: _by_cell(scales)), "entropy"),
    Mutation("noise seeded from the value", _seeded_from_the_value, "entropy"),
    Mutation(
        "float noise",
        _drawn_from(lambda _, scales: np.random.default_rng().standard_normal(len(scales))),
        "entropy",
    ),
    Mutation(
        "Mersenne Twister, seeded from entropy",
        _drawn_from(lambda entropy, scales: _twister(entropy(4), len(scales))),
        "entropy",
    ),
    Mutation("zero drawn too often", _two_zeros, "entropy"),
    Mutation("redrawn at every release", _drawn_again, "recalculation"),
    Mutation("clamping before noise", _clamped, "recalculation", in_quick_tests=True),
    Mutation("epochs lumped into one when a cell reaches k", _lumped, "recalculation"),
    Mutation("measured before k is reached", _measured_below_k, "recalculation"),
)


def _normal(seed: int, count: int) -> NDArray[np.float64]:
    return np.random.default_rng(seed).standard_normal(count)


def _by_cell(scales: NDArray[np.int64]) -> NDArray[np.float64]:
    seeds, places = np.unique(scales + np.arange(len(scales)) % 97, return_inverse=True)
    return np.array([_normal(int(seed), 1)[0] for seed in seeds])[places]


def _twister(seed: bytes, count: int) -> NDArray[np.float64]:
    drawn: NDArray[np.float64] = np.random.RandomState(int.from_bytes(seed)).standard_normal(count)
    return drawn
