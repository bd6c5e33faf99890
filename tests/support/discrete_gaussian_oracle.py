"""The discrete Gaussian from its definition: slow, obvious, in floats good to 1 part in 10^12."""

import numpy as np
from numpy.typing import NDArray
from scipy import stats

_TAIL_SCALES = 12  # beyond lies a probability below 1e-31
_BINS = 500


def probabilities(scale: float) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the integers within 12 scales of 0, ascending, and the probability of each."""
    reach = int(np.ceil(_TAIL_SCALES * scale))
    values = np.arange(-reach, reach + 1, dtype=np.int64)
    weights = np.exp(-((values / scale) ** 2) / 2)
    return values, weights / weights.sum()


def fit_p_value(draws: NDArray[np.int64], scale: float) -> float:
    """Return the p-value of Pearson's χ² test that `draws` are discrete Gaussian of the given scale.

    Neighbouring integers share a bin where they are less likely than about 1/500. The p-values of right draws
    are uniform: one below 1e-6 is a false alarm of probability 1e-6.
    """
    values, probability = probabilities(scale)
    below = np.cumsum(probability) - probability / 2
    _, bins = np.unique(np.floor(below * _BINS), return_inverse=True)
    positions = np.clip(draws, values[0], values[-1]) - values[0]
    observed = np.bincount(bins[positions], minlength=bins[-1] + 1)
    expected = np.bincount(bins, weights=probability) * draws.size
    return float(stats.chisquare(observed, expected).pvalue)


def same_distribution_p_value(first: NDArray[np.int64], second: NDArray[np.int64]) -> float:
    """Return the p-value of the χ² test that two samples have one distribution, over at most 51 bins."""
    edges = np.unique(np.quantile(np.concatenate([first, second]), np.linspace(0, 1, 52)[1:-1]))
    counts = [
        np.bincount(np.searchsorted(edges, sample), minlength=edges.size + 1) for sample in (first, second)
    ]
    filled = np.array(counts)[:, np.sum(counts, axis=0) > 0]
    return float(stats.chi2_contingency(filled).pvalue)
