"""From the same bytes, the audit's sampler and the program's draw the same noise."""

import numpy as np
import pytest

from privacy.audit.recorded_entropy import RecordedEntropy, ReplayError
from privacy.audit.reference_sampler import ReferenceSampler
from privacy.mechanism.bernoulli_exp import MAX_SCALE
from privacy.mechanism.discrete_gaussian import DiscreteGaussian
from tests.support.discrete_gaussian_oracle import fit_p_value
from tests.support.entropy import shake_entropy

BLOCK = 2**14


@pytest.mark.parametrize("scale", [1, 2, 3, 8, 257, 30_000, 44_237, MAX_SCALE])
@pytest.mark.parametrize("count", [0, 1, 2, 1_000])
def test_the_same_bytes_give_the_same_noise(scale: int, count: int) -> None:
    """Every draw is equal, and both read all bytes."""
    recorded = RecordedEntropy(shake_entropy(f"reference {scale} {count}"))
    drawn = DiscreteGaussian(scale=scale, entropy=recorded).noise(count)
    replay = recorded.replay()
    assert np.array_equal(ReferenceSampler(replay).draw(scale, count), drawn)
    replay.finish()


@pytest.mark.parametrize("count", [BLOCK - 1, BLOCK, BLOCK + 1])
def test_blocks_are_read_one_after_the_other(count: int) -> None:
    """A second block reads on where the first one ended."""
    recorded = RecordedEntropy(shake_entropy(f"blocks {count}"))
    drawn = DiscreteGaussian(scale=50_000, entropy=recorded).noise(count)
    assert np.array_equal(ReferenceSampler(recorded.replay()).draw(50_000, count), drawn)


@pytest.mark.parametrize("scale", [1, 8, 30_000])
def test_its_noise_has_the_exact_probabilities(scale: int) -> None:
    """On its own entropy, χ² does not reject the definition (false alarm 1e-6 when the stream was chosen)."""
    assert fit_p_value(ReferenceSampler(shake_entropy(f"alone {scale}")).draw(scale, 100_000), scale) >= 1e-6


def test_a_program_that_reads_otherwise_is_noticed() -> None:
    """Too few bytes, too many, and reads of another size are errors, each with its numbers."""
    recorded = RecordedEntropy(shake_entropy("otherwise"))
    DiscreteGaussian(scale=50, entropy=recorded).noise(10)
    replay = recorded.replay()
    with pytest.raises(ReplayError, match="the program read 89 bytes where the algorithm reads 358"):
        ReferenceSampler(replay).draw(50, 100)
    DiscreteGaussian(scale=50, entropy=recorded).noise(10)
    recorded(7)
    replay = recorded.replay()
    ReferenceSampler(replay).draw(50, 10)
    with pytest.raises(ReplayError, match="the program read 7 bytes more"):
        replay.finish()
    with pytest.raises(ReplayError, match="the program read 0 bytes where the algorithm reads"):
        ReferenceSampler(replay).draw(50, 10)
