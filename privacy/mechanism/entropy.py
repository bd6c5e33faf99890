"""The source of randomness, and exact uniform integers drawn from it.

In production there is one source, the operating system's CSPRNG, and no seed. Bytes are read when needed and
never buffered: a fork would copy the buffer, and two processes would then draw the same noise.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from privacy.errors import LikewiseError

EntropySource = Callable[[int], bytes]
"""Returns the requested number of independent, uniformly random bytes."""

DIGIT_BITS: Final = 16
ROUND_LIMIT: Final = 512


class BrokenEntropyError(LikewiseError):
    """The entropy source returned too few bytes, or bytes that are not random; no noise is made from it."""


def os_entropy(count: int) -> bytes:
    """Return `count` bytes of the operating system's CSPRNG; blocks until the kernel has seeded it."""
    return os.urandom(count)


def rounds(first: int = 1) -> Iterator[int]:
    """Count the rounds of a sampling loop, from `first` on; the loop ends once nothing is undecided.

    Only a broken source reaches the limit. Each round but the first at least halves, in expectation, what is
    undecided, in every loop that uses this: 2^32 elements last ROUND_LIMIT rounds with probability < 2^-479.

    Raises:
        BrokenEntropyError: after ROUND_LIMIT rounds.
    """
    yield from range(first, ROUND_LIMIT + 1)
    raise BrokenEntropyError(f"a sampling loop did not end in {ROUND_LIMIT} rounds")


def rejection_sample(count: int, sample_accepted: Callable[[int], NDArray[Any]]) -> NDArray[np.int64]:
    """Return the first `count` integers that a rejection sampler accepts.

    Args:
        count: number of integers.
        sample_accepted: makes at least the given number of attempts and returns the accepted values.

    Raises:
        BrokenEntropyError: too few values are accepted for too long.
    """
    accepted = np.empty(0, dtype=np.int64)
    for _ in rounds():
        missing = count - accepted.size
        if not missing:
            break
        kept = sample_accepted(missing)[:missing].astype(np.int64)
        # As a rule the first round is enough: nothing is copied then.
        accepted = np.concatenate([accepted, kept]) if accepted.size else kept
    return accepted


@lru_cache(maxsize=1_024)
def _mask_of(bound: int) -> tuple[int, np.dtype[Any]]:
    """Return the mask of the bits of `bound - 1`, and the least word that holds them."""
    mask = (1 << (bound - 1).bit_length()) - 1
    return mask, np.min_scalar_type(mask).newbyteorder("<")


class UniformIntegers:
    """Exact uniform integers, many at a time, without modulo bias and without floats.

    Args:
        entropy: source of the random bytes; if it falls short, every method raises BrokenEntropyError.
    """

    def __init__(self, entropy: EntropySource) -> None:
        self._entropy = entropy

    def digits(self, count: int) -> NDArray[np.int64]:
        """Return `count` independent integers, uniform on [0, 2^DIGIT_BITS)."""
        return self._words(np.dtype("<u2"), count).astype(np.int64)

    def coins(self, count: int) -> NDArray[np.bool_]:
        """Return `count` independent fair coins."""
        packed = self._words(np.dtype("u1"), (count + 7) // 8)
        return np.unpackbits(packed, count=count).view(np.bool_)

    def below(self, bound: int, count: int) -> NDArray[np.int64]:
        """Return `count` independent integers, uniform on [0, bound), for 1 <= bound <= 2^63.

        Masks random words to the bits of `bound - 1` and rejects those still too large: fewer than half.
        """
        if bound == 1:
            return np.zeros(count, dtype=np.int64)
        mask, word = _mask_of(bound)
        word_mask = word.type(mask)
        if mask + 1 == bound:  # no word is too large
            masked: NDArray[np.int64] = (self._words(word, count) & word_mask).astype(np.int64)
            return masked

        def sample_accepted(missing: int) -> NDArray[Any]:
            # Likely enough for one round: a second round costs more than some superfluous words.
            tries = missing * (mask + 1) // bound * 17 // 16 + 16
            candidates: NDArray[Any] = self._words(word, tries) & word_mask
            return candidates[candidates < bound]

        return rejection_sample(count, sample_accepted)

    def _words(self, word: np.dtype[Any], count: int) -> NDArray[Any]:
        size = count * word.itemsize
        read = self._entropy(size)
        if len(read) != size:
            raise BrokenEntropyError(f"{len(read)} bytes of entropy where {size} were requested")
        return np.frombuffer(read, dtype=word)
