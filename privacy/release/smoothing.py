"""Smooths totals: a model of how counts grow, on top of all measurements so far.

The unbiased estimate of a total uses the measurements as if every course of the count were equally likely.
Most courses are not: a count grows quickly at first and slowly later, and what it gains in a week at the end
is far less than the noise. The smoothed figure is the posterior mean under a mixture of Gaussian models, each
of which says how much is gained when:

    gains of the steps ~ N(0, S),   S = κ²·(a aᵀ + b bᵀ)∘R + τ²·diag((a + b)²) + diag(a + b),

where a is an early wave that fades with a power of the age, b a steady stream, and R correlates steps of
similar age. The gain of the first step is unknown: it contains whatever came before. For every size and shape
the mixture has a model with that much freedom, and the measurements weigh them by their likelihood; a video
of 100,000 likes chooses models that hardly smooth. Bayesian model averaging: J. A. Hoeting et al.,
"Bayesian model averaging: a tutorial", 1999.

No model expects a wave or a purge within one epoch that is out of all proportion to what came before. Where
the measurements contain one, they are further from what the models expect than noise ever is: then the models
are not believed, and nothing is smoothed.

Everything is computed from measurements of a total that passed the gate, hence post-processing. The gate
never looks at it. The work is the same for every series.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from threadpoolctl import ThreadpoolController

from privacy.mechanism.factorisation import Factorisation
from privacy.policy.schedule import Schedule

_WAVES: Final = (64.0, 512.0, 4_096.0, 32_768.0)
"""Sizes of the early wave."""
_FADINGS: Final = (1.0, 2.0, 3.0)
"""Powers of the age with which it fades."""
_STREAMS: Final = (0.0, 64.0, 512.0, 4_096.0, 32_768.0)
"""Sizes of the steady stream."""
_FEW: Final = 16.0
"""Size from which on a stream is the rarer, the larger it is: its prior weight is (size + 16)^−½."""
_FADING_EPOCHS: Final = 18.0
"""Age from which the wave fades, in lengths of the first epoch."""
_COMMON: Final = 2.0
"""κ: deviation of a wave's or stream's gains from their size, common to steps of similar age."""
_CORRELATED: Final = 2.0
"""Difference of the logarithm of the ages over which the correlation falls to 1/e."""
_OWN: Final = 0.5
"""τ: deviation of each step's gain from its share, by itself."""
_FIRST: Final = 1e5
"""Deviation of the first step's gain, in deviations of its measurement: any is as good as another."""
MAX_SURPRISE: Final = 4.5
"""Deviations beyond which the models are not believed; noise alone gets there in one of 1,700 courses."""
_MODELS_KEPT: Final = 8


@dataclass(frozen=True)
class Smoothed:
    """Smoothed totals of several series.

    Args:
        means: shape (series,).
        variances: of the exact counts given all measurements and the models, shape (series,).
        surprises: by how many deviations the most surprising measurement is off what was expected after those
            before it; a mean over the models, shape (series,).
    """

    means: NDArray[np.float64]
    variances: NDArray[np.float64]
    surprises: NDArray[np.float64]

    @property
    def is_plausible(self) -> NDArray[np.bool_]:
        """Return for which series the models are believed, shape (series,)."""
        return self.surprises <= MAX_SURPRISE


@dataclass(frozen=True)
class SmoothingModel:
    """The mixture for one schedule and noise scale, ready for use.

    Args:
        scale: noise scale of the measurements.
        whiteners: L⁻¹ of each model, where L·Lᵀ is the covariance of measurements over scale.
        gains: K of each model: (K·L⁻¹·y/scale)_t is the posterior mean of the count after step t.
        variances: posterior variance of that count, shape (models, T).
        log_weights: prior weight of each model, less the determinant of the leading blocks of L, both as
            logarithms, shape (models, T).
    """

    scale: int
    whiteners: NDArray[np.float64]
    gains: NDArray[np.float64]
    variances: NDArray[np.float64]
    log_weights: NDArray[np.float64]

    def smooth(self, measurements: NDArray[np.int64], steps: NDArray[np.intp]) -> Smoothed:
        """Return the smoothed count of each series after its own step.

        Args:
            measurements: of the totals, shape (series, T') with T' <= T; those after a series' step are
                not used.
            steps: shape (series,).
        """
        smoothed = np.zeros((3, len(steps)))
        with _threads().limit(limits=1):
            for step in np.unique(steps).tolist():
                here = steps == step
                smoothed[:, here] = self._smooth_at(measurements[here, : step + 1], step)
        return Smoothed(*smoothed)

    def _smooth_at(
        self, measurements: NDArray[np.int64], step: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        so_far = slice(0, step + 1)
        scaled = measurements / self.scale
        shape = (len(self.whiteners), len(measurements))
        means, log_weights, surprises = np.empty(shape), np.empty(shape), np.zeros(shape)
        for model, whitener in enumerate(self.whiteners):
            white = scaled @ whitener[so_far, so_far].T
            means[model] = white @ self.gains[model, step, so_far]
            log_weights[model] = -0.5 * np.einsum("st,st->s", white, white)
            # Of the first step nothing is expected.
            surprises[model] = np.abs(white[:, 1:]).max(axis=1, initial=0.0)
        log_weights += self.log_weights[:, step, None]
        weights = np.exp(log_weights - log_weights.max(axis=0))
        weights /= weights.sum(axis=0)
        mean = (weights * means).sum(axis=0)
        spread = self.variances[:, step, None] + (means - mean) ** 2
        return mean, (weights * spread).sum(axis=0), (weights * surprises).sum(axis=0)


@cache
def _threads() -> ThreadpoolController:
    """Return the control of the threads of NumPy's and SciPy's BLAS: one is quicker for small matrices."""
    return ThreadpoolController()


@lru_cache(maxsize=_MODELS_KEPT)
def make_smoothing_model(factorisation: Factorisation, schedule: Schedule, scale: int) -> SmoothingModel:
    """Prepare the mixture for series that start with their schedule; takes some 50 ms.

    Args:
        factorisation: truncated to the schedule.
        schedule: the ages at which the steps end.
        scale: noise scale of the totals.
    """
    # With noise below one like there is nothing to smooth, and the matrices would be singular in doubles.
    scale = max(scale, int(factorisation.encoder[0, 0]))
    encoder = factorisation.encoder / scale
    prefix = np.tril(np.ones_like(encoder))
    identity = np.eye(factorisation.epochs)
    whiteners, gains, variances, log_weights = [], [], [], []
    first = _FIRST / float(encoder[0, 0])
    with _threads().limit(limits=1):
        for log_prior, covariance in weighted_covariances(schedule, first):
            roots = np.linalg.cholesky(encoder @ covariance @ encoder.T + identity)
            gain = solve_triangular(roots, encoder @ covariance @ prefix.T, lower=True).T
            whiteners.append(solve_triangular(roots, identity, lower=True))
            gains.append(gain)
            prior = np.diag(prefix @ covariance @ prefix.T)
            variances.append(prior - (np.tril(gain) ** 2).sum(axis=1))
            log_weights.append(log_prior - np.log(np.diag(roots)).cumsum())
    return SmoothingModel(
        scale, np.array(whiteners), np.array(gains), np.array(variances), np.array(log_weights)
    )


def weighted_covariances(schedule: Schedule, first: float) -> list[tuple[float, NDArray[np.float64]]]:
    """Return of each model the logarithm of its prior weight, and the covariance of the steps' gains.

    Args:
        schedule: the ages at which the steps end.
        first: deviation of the first step's gain.
    """
    ages = np.array(schedule.due_ages_seconds, np.float64)
    # In units of the age from which a wave fades.
    ends = ages / (ages[0] * _FADING_EPOCHS)
    logarithms = np.log(ends + 1)
    common = np.exp(-np.abs(logarithms[:, None] - logarithms) / _CORRELATED)
    steady = np.diff(ends, prepend=0.0) / ends[-1]
    covariances = []
    for fading, wave, stream in product(_FADINGS, _WAVES, _STREAMS):
        grown = logarithms if fading == 1 else 1 - (1 + ends) ** (1 - fading)
        early, late = wave * np.diff(grown, prepend=0.0) / grown[-1], stream * steady
        covariance = _COMMON**2 * (np.outer(early, early) + np.outer(late, late)) * common
        covariance += np.diag((_OWN * (early + late)) ** 2 + early + late)
        covariance[0, :] = covariance[:, 0] = 0.0
        covariance[0, 0] = first**2
        covariances.append((-0.5 * float(np.log(stream + _FEW)), covariance))
    return covariances
