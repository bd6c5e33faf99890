"""Draws the discrete Gaussian with code of the audit's own, from entropy that the program has read before.

C. Canonne, G. Kamath, T. Steinke, "The Discrete Gaussian for Differential Privacy" (2020), Algorithms 1 to 3.
The same bytes must give the same noise, draw by draw: no change of the program's sampler, however rare or
small, leaves both equal. For that, bytes are read in the program's order. The constants below belong to that
order and to nothing else: a program that reads its entropy otherwise has to change them here as well.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from privacy.mechanism.entropy import EntropySource

_BLOCK: Final = 16_384
"""Draws that are made together."""
_SPARE_TRIES: Final = 32
"""Tries of a block beyond 2.2 per missing draw."""
_SPARE_WORDS: Final = 16
"""Words of a uniform integer beyond 17/16 of the expected number."""
_DIGIT_BITS: Final = 16
"""Bits of one digit of a uniform real number."""


@dataclass(frozen=True)
class ReferenceSampler:
    """Draws discrete Gaussian noise.

    Args:
        entropy: where the bytes come from.
    """

    entropy: EntropySource

    def draw(self, scale: int, count: int) -> NDArray[np.int64]:
        """Returns independent draws Z with Pr[Z = z] proportional to exp(−z²/(2·scale²))."""
        blocks = [np.empty(0, np.int64)]
        for start in range(0, count, _BLOCK):
            missing = min(_BLOCK, count - start)
            while missing:
                accepted = self._try(scale, missing)[:missing]
                blocks.append(accepted)
                missing -= len(accepted)
        return np.concatenate(blocks)

    def _try(self, scale: int, missing: int) -> NDArray[np.int64]:
        """Draws discrete Laplace noise of this scale, and accepts part of it as discrete Gaussian."""
        remainders = self._uniform(scale, missing * 11 // 5 + _SPARE_TRIES)
        remainders = remainders[self._happens(remainders, scale)]
        laplace = remainders + scale * self._count_heads(len(remainders))
        accepted = laplace[self._happens((laplace - scale) ** 2, 2 * scale * scale)]
        bits = np.frombuffer(self.entropy((len(accepted) + 7) // 8), np.uint8)
        negative = np.unpackbits(bits)[: len(accepted)] == 1
        signed: NDArray[np.int64] = np.where(negative, -accepted, accepted)
        kept: NDArray[np.int64] = signed[(signed != 0) | ~negative]  # otherwise 0 would be drawn in two ways
        return kept

    def _count_heads(self, count: int) -> NDArray[np.int64]:
        """Returns lengths of runs of heads, of coins with probability 1/e."""
        lengths, running = np.zeros(count, np.int64), np.arange(count)
        while running.size:
            running = running[self._happens(np.ones(running.size, np.int64), 1)]
            lengths[running] += 1
        return lengths

    def _happens(self, numerators: NDArray[np.int64], denominator: int) -> NDArray[np.bool_]:
        """Returns events of probability exp(−numerator/denominator): one for each unit, one for the rest."""
        happened = np.zeros(numerators.size, np.bool_)
        running, left = np.arange(numerators.size), numerators
        while running.size:
            part = np.minimum(left, denominator)
            goes_on = self._happens_at_most_one(part, denominator)
            running, left = running[goes_on], (left - part)[goes_on]
            happened[running[left == 0]] = True
            running, left = running[left > 0], left[left > 0]
        return happened

    def _happens_at_most_one(self, numerators: NDArray[np.int64], denominator: int) -> NDArray[np.bool_]:
        """Returns events of probability exp(−p), where p = numerator/denominator ≤ 1.

        Attempt n succeeds with probability p/n. The first failure is at an odd attempt with probability
        1 − p + p²/2! − p³/3! + … = exp(−p).
        """
        odd = np.zeros(numerators.size, np.bool_)
        running, attempt = np.arange(numerators.size), 0
        while running.size:
            attempt += 1
            odd[running] = attempt % 2 == 1
            running = running[self._uniform(attempt, running.size) == 0]
            running = running[self._is_below(numerators[running], denominator)]
        return odd

    def _is_below(self, numerators: NDArray[np.int64], denominator: int) -> NDArray[np.bool_]:
        """Compares a uniform real number with numerator/denominator, digit by digit while they are equal."""
        if denominator == 1:
            certain: NDArray[np.bool_] = numerators == 1
            return certain
        below = np.zeros(numerators.size, np.bool_)
        running, left = np.arange(numerators.size), numerators
        while running.size:
            digits = np.frombuffer(self.entropy(2 * running.size), "<u2").astype(np.int64)
            left = (left << _DIGIT_BITS) - digits * denominator
            below[running] = left >= denominator
            equal = (left > 0) & (left < denominator)
            running, left = running[equal], left[equal]
        return below

    def _uniform(self, bound: int, count: int) -> NDArray[np.int64]:
        """Returns uniform integers below a bound: the lowest bits of random words, if they are below it."""
        if bound == 1:
            return np.zeros(count, np.int64)
        bits = (bound - 1).bit_length()
        width = next(width for width in (1, 2, 4, 8) if 8 * width >= bits)
        found, missing = [np.empty(0, np.int64)], count
        while missing:
            words = missing if bound == 1 << bits else (missing << bits) // bound * 17 // 16 + _SPARE_WORDS
            read = np.frombuffer(self.entropy(words * width), f"<u{width}") & ((1 << bits) - 1)
            kept = read[read < bound][:missing].astype(np.int64)
            found.append(kept)
            missing -= len(kept)
        return np.concatenate(found)
