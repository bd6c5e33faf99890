"""Where noise gets its randomness, and exact uniform integers made of it.

The product has one source, the operating system's CSPRNG, and no seed. Bytes are read when they are needed
and never kept: a fork would copy a buffer, and two processes would then draw the same noise.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from privacy.errors import LikewiseError

if TYPE_CHECKING:
    from numpy.typing import NDArray

EntropySource = Callable[[int], bytes]
"""Gives as many independent, uniformly random bytes as it is asked for."""

DIGIT_BITS: Final = 16
ROUND_LIMIT: Final = 512


class BrokenEntropyError(LikewiseError):
    """The entropy source gave too few bytes, or bytes that no random source gives; it must not make noise."""


def os_entropy(count: int) -> bytes:
    """Return `count` bytes of the operating system's CSPRNG, waiting until the kernel has seeded it."""
    return os.urandom(count)


def rounds() -> Iterator[int]:
    """Count the rounds of a sampling loop from 1; the loop breaks off once nothing is undecided.

    Only a broken source gets to the end. Each round but the first at least halves, in expectation, what is
    undecided, in every loop that uses this: 2^32 elements last ROUND_LIMIT rounds with probability < 2^-479.

    Raises:
        BrokenEntropyError: after ROUND_LIMIT rounds.
    """
    yield from range(1, ROUND_LIMIT + 1)
    raise BrokenEntropyError(f"a sampling loop did not end in {ROUND_LIMIT} rounds")


def rejection_sample(count: int, propose: Callable[[int], NDArray[Any]]) -> NDArray[np.int64]:
    """Return the first `count` integers kept by a rejection sampler.

    Args:
        count: how many.
        propose: given the number still missing, makes at least so many tries and returns what it keeps.

    Raises:
        BrokenEntropyError: too little is kept for too long.
    """
    gathered = np.empty(count, dtype=np.int64)
    filled = 0
    for _ in rounds():
        if filled == count:
            break
        kept = propose(count - filled)[: count - filled]
        gathered[filled : filled + kept.size] = kept
        filled += kept.size
    return gathered


class UniformIntegers:
    """Exact uniform integers, many at a time; no modulo bias and no floats.

    Args:
        entropy: where the random bytes come from; if it falls short, every method raises BrokenEntropyError.
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

        Cuts random words down to the bits of `bound - 1` and rejects what is still too large: less than half.
        """
        if bound == 1:
            return np.zeros(count, dtype=np.int64)
        mask = (1 << (bound - 1).bit_length()) - 1
        word = np.min_scalar_type(mask).newbyteorder("<")

        def propose(missing: int) -> NDArray[Any]:
            # As many as are likely to suffice: a second attempt costs more than some words too many.
            tries = missing if mask + 1 == bound else missing * (mask + 1) // bound * 17 // 16 + 16
            candidates: NDArray[Any] = self._words(word, tries) & word.type(mask)
            return candidates[candidates < bound]

        return rejection_sample(count, propose)

    def _words(self, word: np.dtype[Any], count: int) -> NDArray[Any]:
        size = count * word.itemsize
        read = self._entropy(size)
        if len(read) != size:
            raise BrokenEntropyError(f"{len(read)} bytes of entropy where {size} were asked for")
        return np.frombuffer(read, dtype=word)
