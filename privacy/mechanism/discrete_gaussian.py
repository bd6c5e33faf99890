"""The exact discrete Gaussian: a diffprivlib mechanism that takes a scale and works on arrays.

Source: C. Canonne, G. Kamath, T. Steinke, "The Discrete Gaussian for Differential Privacy" (2020),
Algorithms 1 to 3. Integers only, from the entropy to the noise. The duration of a draw depends on the noise,
so nothing may be drawn while a reader waits for a response.
"""

import math
import operator
from typing import Any, Final, overload

import numpy as np
from diffprivlib.mechanisms import GaussianDiscrete
from numpy.typing import NDArray

from privacy.mechanism.bernoulli_exp import MAX_SCALE, bernoulli_exp
from privacy.mechanism.entropy import EntropySource, UniformIntegers, rejection_sample, rounds

# Maximum absolute value of an array element: with the noise it still fits an int64.
MAX_ARRAY_VALUE: Final = 2**62

# Draws per block: few enough to stay in a core's cache, many enough to amortise the array calls.
_BLOCK: Final = 2**14


class DiscreteGaussian(GaussianDiscrete):  # type: ignore[misc]  # diffprivlib publishes no types
    """Adds integer noise Z, where Pr[Z = z] is proportional to exp(-z²/(2*scale²)), exactly.

    The guarantee depends on the L2 sensitivity Δ of the query, which this class does not know: zCDP with
    rho = Δ²/(2*scale²). Invalid arguments raise TypeError and ValueError, as in all diffprivlib mechanisms.
    There is no `random_state`.

    Args:
        scale: standard-deviation parameter, an integer from 1 to MAX_SCALE.
        entropy: source of randomness; `os_entropy` outside tests.
    """

    def __init__(self, *, scale: int, entropy: EntropySource) -> None:
        # Not GaussianDiscrete's constructor: it searches, in floats, for the scale that an (ε, δ) needs, but
        # here the scale is given. While Δ is unknown, the only honest claim is the empty one, ε = ∞ and
        # δ = 1, which understates no cost. The accounting is done in zCDP, where Δ is known.
        super(GaussianDiscrete, self).__init__(epsilon=math.inf, delta=1.0)
        self.sensitivity = 1
        self._scale = self._check_scale(scale)
        self.entropy = entropy
        self._uniform = UniformIntegers(entropy)

    @property
    def scale(self) -> int:
        """The standard-deviation parameter."""
        return self._scale

    def noise(self, count: int) -> NDArray[np.int64]:
        """Return `count` independent draws of Z, shape (count,).

        Raises:
            BrokenEntropyError: the entropy source fails.
        """
        drawn = np.empty(count, dtype=np.int64)
        for start in range(0, count, _BLOCK):
            block = drawn[start : start + _BLOCK]
            block[:] = rejection_sample(block.size, self._sample_accepted)
        return drawn

    @overload
    def randomise(self, value: int) -> int: ...
    @overload
    def randomise(self, value: NDArray[np.integer[Any]]) -> NDArray[np.int64]: ...
    def randomise(self, value: int | NDArray[np.integer[Any]]) -> int | NDArray[np.int64]:
        """Add noise to an integer of any size, or independent noise to each element of an integer array.

        Args:
            value: an integer, or an integer array of any shape whose elements are within ±MAX_ARRAY_VALUE.

        Returns:
            An int for an integer; for an array, an int64 array of its shape.

        Raises:
            TypeError: the value is not an integer or an array of integers; booleans are refused.
            ValueError: an element of an array is out of range.
            BrokenEntropyError: the entropy source fails.
        """
        self._check_all(value)
        if isinstance(value, np.ndarray):
            return value.astype(np.int64) + self.noise(value.size).reshape(value.shape)
        return int(value) + int(self.noise(1)[0])

    def variance(self, value: int | NDArray[np.integer[Any]]) -> int:
        """Return scale², which the variance of the noise never exceeds, and meets within 1 part in 10^6."""
        self._check_all(value)
        return self._scale**2

    def _sample_accepted(self, missing: int) -> NDArray[np.int64]:
        """Draw discrete Laplace Y of scale s and accept about 48 % of the draws as a discrete Gaussian."""
        s, uniform = self._scale, self._uniform
        # Algorithm 2: |Y| = U + s*V, where U in [0, s) has weight exp(-U/s), and V >= 0 has weight exp(-V).
        u = uniform.below(s, missing * 11 // 5 + 32)  # likely to suffice
        u = u[bernoulli_exp(u, s, uniform)]
        v = self._geometric(u.size)
        # Algorithm 3 with t = s: keep Y with probability exp(-(|Y| - s)²/(2*s²)), a fraction of integers.
        magnitude = (u + s * v)[bernoulli_exp((u + s * (v - 1)) ** 2, 2 * s**2, uniform)]
        negative = uniform.coins(magnitude.size)
        signed: NDArray[np.int64] = np.where(negative, -magnitude, magnitude)
        return signed[~negative | (magnitude > 0)]  # otherwise -0 would be a second way to draw 0

    def _geometric(self, count: int) -> NDArray[np.int64]:
        """Return the lengths of `count` runs of heads, where each toss is heads with probability exp(-1)."""
        lengths = np.zeros(count, dtype=np.int64)
        running = np.arange(count)
        for _ in rounds():
            running = running[bernoulli_exp(np.ones_like(running), 1, self._uniform)]
            if not running.size:
                break
            lengths[running] += 1
        return lengths

    def _check_all(self, value: object) -> bool:
        """Apply diffprivlib's checks, and also check booleans, which they accept, and arrays."""
        if not isinstance(value, np.ndarray):
            super()._check_all(value)
            if isinstance(value, bool | np.timedelta64):  # both pass for integers
                raise TypeError(f"Value to be randomised must be an integer, not {value!r}")
            return True
        super()._check_all(0)
        if value.dtype.kind not in "iu":
            raise TypeError(f"Array to be randomised must hold integers, not {value.dtype}")
        if value.size and max(int(value.max()), -int(value.min())) > MAX_ARRAY_VALUE:
            raise ValueError(f"Array to be randomised must stay within ±{MAX_ARRAY_VALUE}")
        return True

    @staticmethod
    def _check_scale(scale: int) -> int:
        if isinstance(scale, bool):
            raise TypeError("Scale must be an integer, not a boolean")
        if not 1 <= operator.index(scale) <= MAX_SCALE:
            raise ValueError(f"Scale must be from 1 to {MAX_SCALE}, not {scale}")
        return operator.index(scale)
