"""Mistakes in the law of the noise: shape, support, dependence, and what happens only now and then."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from privacy.mechanism.accounting import calibrate
from privacy.mechanism.discrete_gaussian import DiscreteGaussian
from privacy.mechanism.entropy import UniformIntegers
from privacy.model.engagement import Kind
from privacy.policy.file import load_policy
from tests.support.mutations.mutation import Mutation

if TYPE_CHECKING:
    import pytest

Draws = NDArray[np.int64]
Alter = Callable[[Draws, int], Any]
"""Returns other noise than the given draws of this scale."""

SHAPE, EXACT, FORCED = "single streams", "recalculation", "entropy"
LARGE_CALL = 100_000
SMALL_CALL = 100
_right_noise = DiscreteGaussian.noise
_right_words = UniformIntegers._words


def _patched(noise: Callable[[DiscreteGaussian, int], Draws]) -> Callable[[pytest.MonkeyPatch], None]:
    return lambda patch: patch.setattr(DiscreteGaussian, "noise", noise)


def _altered(alter: Alter) -> Callable[[pytest.MonkeyPatch], None]:
    """Alters correct draws."""

    def noise(self: DiscreteGaussian, size: int) -> Draws:
        return np.asarray(np.rint(alter(_right_noise(self, size), self.scale)), np.int64)

    return _patched(noise)


def _sometimes(
    when: Callable[[int, DiscreteGaussian, int], bool], alter: Alter
) -> Callable[[pytest.MonkeyPatch], None]:
    """Alters the draws of some calls; the condition takes number, mechanism and size of the call."""

    def apply(patch: pytest.MonkeyPatch) -> None:
        calls = count(1)

        def noise(self: DiscreteGaussian, size: int) -> Draws:
            drawn = _right_noise(self, size)
            if not when(next(calls), self, size):
                return drawn
            return np.asarray(np.rint(alter(drawn, self.scale)), np.int64)

        patch.setattr(DiscreteGaussian, "noise", noise)

    return apply


def _clip(low: float, high: float) -> Alter:
    return lambda drawn, scale: np.clip(drawn, low * scale, high * scale)


def _half(drawn: Draws, _: int) -> Any:
    return drawn / 2


def _nothing(drawn: Draws, _: int) -> Any:
    return np.zeros_like(drawn)


def _share(share: int, alter: Alter) -> Alter:
    """Alters one draw in `share`; which, the lowest digits of the draw before it decide."""

    def altered(drawn: Draws, scale: int) -> Any:
        chosen = np.roll(drawn, 1) % share == 0
        return np.where(chosen, alter(drawn, scale), drawn)

    return altered


def _drawn_within(scales: float) -> Callable[[pytest.MonkeyPatch], None]:
    """Draws again what is too far out."""

    def noise(self: DiscreteGaussian, size: int) -> Draws:
        drawn = _right_noise(self, size)
        while (far := np.flatnonzero(np.abs(drawn) > scales * self.scale)).size:
            drawn[far] = _right_noise(self, far.size)
        return drawn

    return _patched(noise)


def _narrow_tail(by: float) -> Alter:
    def altered(drawn: Draws, scale: int) -> Any:
        beyond = np.abs(drawn) - 2 * scale
        return np.where(beyond > 0, np.sign(drawn) * (2 * scale + (1 - by) * beyond), drawn)

    return altered


def _rounded(bits: int) -> Alter:
    """Rounds to floats with a mantissa of a few bits."""

    def altered(drawn: Draws, _: int) -> Any:
        mantissa, exponent = np.frexp(drawn.astype(np.float64))
        return np.ldexp(np.rint(mantissa * 2.0**bits), exponent - bits)

    return altered


def _mostly_up(drawn: Draws, scale: int) -> Any:
    return _share(50, lambda noise, _: np.abs(noise))(drawn, scale)


def _antithetic(drawn: Draws, _: int) -> Any:
    other = drawn.copy()
    even = len(drawn) // 2 * 2
    other[1:even:2] = -other[:even:2]
    return other


def _shared_magnitudes(drawn: Draws, _: int) -> Any:
    other = drawn.copy()
    even = len(drawn) // 2 * 2
    other[1:even:2] = np.sign(other[1:even:2]) * np.abs(other[:even:2])
    return other


def _shared_signs(drawn: Draws, _: int) -> Any:
    other = drawn.copy()
    even = len(drawn) // 2 * 2
    other[1:even:2] = np.abs(other[1:even:2]) * np.where(other[:even:2] < 0, -1, 1)
    return other


def _sign_of_three(drawn: Draws, _: int) -> Any:
    """Gives every third draw the product of the signs of the two before it: any two are independent."""
    other = drawn.copy()
    threes = len(drawn) // 3 * 3
    signs = np.where(other < 0, -1, 1)
    other[2:threes:3] = np.abs(other[2:threes:3]) * signs[:threes:3] * signs[1:threes:3]
    return other


def _sorted(drawn: Draws, _: int) -> Any:
    return np.sort(drawn)


def _copied(share: int) -> Alter:
    return _share(share, lambda drawn, _: np.roll(drawn, 1))


def _first_draws_again(every: int) -> Callable[[pytest.MonkeyPatch], None]:
    """Gives the draws of the first call of its size once more, in every call of this number."""

    def apply(patch: pytest.MonkeyPatch) -> None:
        calls = count(1)
        first: dict[tuple[int, int], Draws] = {}

        def noise(self: DiscreteGaussian, size: int) -> Draws:
            drawn = first.setdefault((self.scale, size), _right_noise(self, size))
            return drawn if next(calls) % every == 0 else _right_noise(self, size)

        patch.setattr(DiscreteGaussian, "noise", noise)

    return apply


def _entropy_again(every: int) -> Callable[[pytest.MonkeyPatch], None]:
    """Reads the last bytes of this size once more, in every read of this number."""

    def apply(patch: pytest.MonkeyPatch) -> None:
        reads = count(1)
        last: dict[tuple[Any, int], Any] = {}

        def words(self: UniformIntegers, word: Any, size: int) -> Any:
            if next(reads) % every or (word, size) not in last:
                last[word, size] = _right_words(self, word, size)
            return last[word, size]

        patch.setattr(UniformIntegers, "_words", words)

    return apply


def _half_at(stream: int, patch: pytest.MonkeyPatch) -> None:
    """Halves the noise of the scale that this stream has under the packaged policy."""
    scale = int(calibrate(load_policy(), Kind.LIKE).stream_scales[stream])
    _sometimes(lambda _, mechanism, __: mechanism.scale == scale, _half)(patch)


NOISE_LAW = (
    Mutation("noise clipped at 3 scales", _altered(_clip(-3, 3)), SHAPE, in_quick_tests=True),
    Mutation("noise clipped at 4 scales", _altered(_clip(-4, 4)), SHAPE),
    Mutation("noise clipped at 3 scales above only", _altered(_clip(-99, 3)), SHAPE),
    Mutation("noise clipped at 6 scales", _altered(_clip(-6, 6)), FORCED),
    Mutation("noise clipped at 8 scales below only", _altered(_clip(-8, 99)), FORCED),
    Mutation("noise drawn again beyond 3 scales", _drawn_within(3), SHAPE),
    Mutation("noise drawn again beyond 5 scales", _drawn_within(5), FORCED),
    Mutation("a tail beyond 2 scales that is 10 % narrower", _altered(_narrow_tail(0.1)), SHAPE),
    Mutation("a tail beyond 2 scales that is 5 % narrower", _altered(_narrow_tail(0.05)), EXACT),
    Mutation("half the noise in 3 % of the draws", _altered(_share(33, _half)), SHAPE),
    Mutation("no noise in 1 % of the draws", _altered(_share(100, _nothing)), SHAPE),
    Mutation("no noise in one draw of 10,000", _altered(_share(10_000, _nothing)), EXACT),
    Mutation("noise in multiples of ten", _altered(lambda drawn, _: np.rint(drawn / 10) * 10), SHAPE),
    Mutation("noise in multiples of three", _altered(lambda drawn, _: np.rint(drawn / 3) * 3), SHAPE),
    Mutation("noise rounded to floats of 11 bits", _altered(_rounded(11)), SHAPE),
    Mutation("noise that is one too large", _altered(lambda drawn, _: drawn + 1), EXACT),
    Mutation("51 % of the noise positive", _altered(_mostly_up), SHAPE),
    Mutation("noise in antithetic pairs", _altered(_antithetic), SHAPE),
    Mutation("pairs that share their magnitude", _altered(_shared_magnitudes), SHAPE),
    Mutation("pairs that share their sign", _altered(_shared_signs), SHAPE),
    Mutation("a third sign that follows from two", _altered(_sign_of_three), EXACT),
    Mutation("sorted draws", _altered(_sorted), SHAPE),
    Mutation("one draw in 50 copied from the one before", _altered(_copied(50)), SHAPE),
    Mutation("every call gets the draws of the first one", _first_draws_again(1), SHAPE),
    Mutation("every 10th call gets the draws of the first one", _first_draws_again(10), EXACT),
    Mutation("every 50th call gets the draws of the first one", _first_draws_again(50), EXACT),
    Mutation("every 100th read of entropy used twice", _entropy_again(100), EXACT),
    Mutation(
        "every 50th call without noise",
        _sometimes(lambda number, _, __: number % 50 == 0, _nothing),
        EXACT,
        in_quick_tests=True,
    ),
    Mutation(
        "every 50th call clipped at 3 scales",
        _sometimes(lambda number, _, __: number % 50 == 0, _clip(-3, 3)),
        FORCED,
    ),
    Mutation(
        "every 10th call clipped at 3 scales",
        _sometimes(lambda number, _, __: number % 10 == 0, _clip(-3, 3)),
        SHAPE,
    ),
    Mutation(
        "half the noise in large calls only",
        _sometimes(lambda _, __, size: size >= LARGE_CALL, _half),
        EXACT,
    ),
    Mutation(
        "half the noise in small calls only",
        _sometimes(lambda _, __, size: size <= SMALL_CALL, _half),
        EXACT,
    ),
    Mutation("half the noise of the total only", partial(_half_at, 0), SHAPE),
    Mutation("half the noise of the removals only", partial(_half_at, -1), SHAPE),
)
