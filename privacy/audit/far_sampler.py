"""Writes entropy from which every draw is far out in the tails, where no sample would ever get.

Correct noise is beyond six scales twice in a thousand million draws: a sampler whose support ends there looks
right for days. From entropy that is written for it, all of its draws lie there.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from privacy.audit.recorded_entropy import EntropyReplay
from privacy.audit.reference_sampler import ReferenceSampler
from privacy.mechanism.entropy import EntropySource

_GO_ON: Final = 0
"""The second attempt at an event succeeds."""
_STOP: Final = 1
"""An attempt fails: at the third attempt the event happens, at the second one it does not."""
_HIGHEST: Final = 0xFF
"""A uniform real number that is below no fraction less than 1."""


@dataclass
class WrittenEntropy:
    """Entropy that is written while it is read for the first time.

    Args:
        source: where bytes come from that decide nothing.
        fill: the byte to write; None for bytes of the source.
    """

    source: EntropySource
    fill: int | None = None
    _reads: list[bytes] = field(default_factory=list, init=False)

    def __call__(self, size: int) -> bytes:
        """Returns the bytes that are written for this read."""
        read = self.source(size) if self.fill is None else bytes([self.fill]) * size
        if read:
            self._reads.append(read)
        return read

    def replay(self) -> EntropyReplay:
        """Returns what was written, to be read again."""
        return EntropyReplay(iter(self._reads))


@dataclass(frozen=True)
class FarSampler(ReferenceSampler):
    """Draws noise of at least the given number of scales, and of less than one more, and writes its entropy.

    Args:
        entropy: what is written.
        scales: distance of all draws; at least 1. The scale of the noise must be at least 4, so that its
            uniform integers are not those of an event.
    """

    entropy: WrittenEntropy
    scales: int

    def _count_heads(self, count: int) -> NDArray[np.int64]:
        for _ in range(self.scales):
            self._happens(np.ones(count, np.int64), 1)
        self._throw(_STOP, count)
        return np.full(count, self.scales, np.int64)

    def _is_below(self, numerators: NDArray[np.int64], denominator: int) -> NDArray[np.bool_]:
        self.entropy.fill = _HIGHEST
        below = super()._is_below(numerators, denominator)
        self.entropy.fill = None
        return below

    def _uniform(self, bound: int, count: int) -> NDArray[np.int64]:
        return self._throw({2: _GO_ON, 3: _STOP}.get(bound), count, bound)

    def _throw(self, fill: int | None, count: int, bound: int = 2) -> NDArray[np.int64]:
        self.entropy.fill = fill
        thrown = super()._uniform(bound, count)
        self.entropy.fill = None
        return thrown
