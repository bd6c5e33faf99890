"""Written entropy puts all noise at the given distance, in the program as well."""

import numpy as np
import pytest

from privacy.audit.far_sampler import FarSampler, WrittenEntropy
from privacy.mechanism.discrete_gaussian import DiscreteGaussian
from tests.support.entropy import shake_entropy


@pytest.mark.parametrize("scale", [4, 257, 44_237, 2**20])
@pytest.mark.parametrize("scales", [1, 3, 6, 12, 20])
def test_the_program_draws_where_the_entropy_puts_it(scale: int, scales: int) -> None:
    """The program draws what was written: on both sides, from `scales` to `scales` + 1 scales out."""
    written = WrittenEntropy(shake_entropy(f"far {scale} {scales}"))
    expected = FarSampler(written, scales).draw(scale, 500)
    replay = written.replay()
    drawn = DiscreteGaussian(scale=scale, entropy=replay).noise(500)
    replay.finish()
    assert np.array_equal(drawn, expected)
    assert set(np.unique(np.abs(drawn) // scale)) == {scales}
    assert drawn.min() < 0 < drawn.max()
