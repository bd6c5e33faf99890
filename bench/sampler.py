"""`sampler`: compares the exact discrete Gaussian with diffprivlib's, which draws one number at a time."""

from collections.abc import Iterator
from functools import partial
from typing import Final

from diffprivlib.mechanisms import GaussianDiscrete

from bench.figure import Bar, Figure, Measure, ProgressCallback, Reference
from bench.timing import run_interleaved, seconds
from privacy.mechanism.discrete_gaussian import DiscreteGaussian
from privacy.mechanism.entropy import os_entropy

SMALL_SCALE: Final = 8
LARGE_SCALE: Final = 10_000
_DRAWS: Final = 400_000
_PEER_DRAWS: Final = 10_000
_ROUNDS: Final = 7


def sampler(progress: ProgressCallback) -> Iterator[Figure]:
    """Measures samples per second on one core, at a small and at a large scale."""
    progress(f"{_ROUNDS} rounds of {_DRAWS:,} draws at two scales, and {_PEER_DRAWS:,} by diffprivlib")
    speeds = run_interleaved(
        {
            "small": partial(_speed, SMALL_SCALE),
            "peer": _peer_speed,
            "large": partial(_speed, LARGE_SCALE),
        },
        _ROUNDS,
    )
    yield Figure(
        f"exact discrete Gaussian at scale {SMALL_SCALE}",
        speeds["small"],
        "samples/s",
        Reference("diffprivlib GaussianDiscrete.randomise, same scale", speeds["peer"]),
        Bar(Measure.RATIO, low=25),
    )
    yield Figure(
        f"exact discrete Gaussian at scale {LARGE_SCALE:,}",
        speeds["large"],
        "samples/s",
        Reference(f"itself at scale {SMALL_SCALE}", speeds["small"]),
        Bar(Measure.RATIO, low=0.5),
    )


def _speed(scale: int) -> float:
    mechanism = DiscreteGaussian(scale=scale, entropy=os_entropy)
    return _DRAWS / seconds(lambda: mechanism.noise(_DRAWS))


def _peer_speed() -> float:
    mechanism = GaussianDiscrete(epsilon=1.0, delta=1e-6)
    # It accepts a guarantee only and derives the scale; here both must have the same scale.
    mechanism._scale = SMALL_SCALE  # noqa: SLF001 - the only way to compare at an equal scale
    return _PEER_DRAWS / seconds(lambda: [mechanism.randomise(0) for _ in range(_PEER_DRAWS)])
