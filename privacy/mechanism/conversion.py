"""From rho and the gate's delta to (epsilon, delta), by the accountant that a policy names."""

from fractions import Fraction
from math import ceil, exp, expm1, inf, log, log1p, nextafter, sqrt
from typing import Final

from scipy.optimize import brentq, minimize_scalar
from scipy.special import erf, log_ndtr

from privacy.errors import PolicyError
from privacy.policy.budget import Accounting

ROUNDING: Final = 4
"""Scale η of the rounding that makes integers of continuous noise: `docs/proofs/gaussian-accounting.md`."""
MIN_GAUSSIAN_SCALE: Final = 64
"""Noise of a smaller scale would cost more than 0.4 % in rho for being discrete."""
FLOAT_ERROR: Final = 1e-13
"""Relative error of `log_ndtr` and of the arithmetic with it; a hundred times what was ever observed."""
EPSILON_ERROR: Final = 1e-6
"""What is added to a root: above the solver's error and above what discreteness adds to epsilon."""


def zcdp_delta(rho: float, epsilon: float) -> float:
    """Return the smallest delta known for rho-zCDP at this epsilon.

    C. Canonne, G. Kamath, T. Steinke, "The Discrete Gaussian for Differential Privacy" (2020), Corollary 13:
    the infimum over a > 1 of exp((a−1)(a·rho−epsilon)) · (1−1/a)^a / (a−1). Every a gives a valid delta, so
    an optimiser that stops early errs on the safe side.
    """

    def log_delta(log_order: float) -> float:
        order = 1 + exp(log_order)
        return (order - 1) * (order * rho - epsilon) + order * log1p(-1 / order) - log_order

    best = minimize_scalar(log_delta, bounds=(-20, 20), method="bounded", options={"xatol": 1e-9})
    return exp(min(0.0, float(best.fun)))


def gaussian_delta(rho: float, epsilon: float) -> float:
    """Return the delta of a Gaussian mechanism with shift √(2·rho) at this epsilon, rounded up.

    B. Balle, Y.-X. Wang, "Improving the Gaussian mechanism for differential privacy" (2018), Theorem 8:
    Φ(μ/2 − ε/μ) − e^ε·Φ(−μ/2 − ε/μ). The difference of the two terms' logarithms is rounded down.
    """
    shift = sqrt(2 * rho)
    likely = float(log_ndtr(shift / 2 - epsilon / shift))
    rare = epsilon + float(log_ndtr(-shift / 2 - epsilon / shift))
    error = FLOAT_ERROR * (1 + epsilon - likely - (rare - epsilon))
    return exp(likely) * (1 + error) * -expm1(min(rare - likely, 0.0) - error)


def inflate(rho: Fraction, least_scale: int, accounting: Accounting) -> float:
    """Return the rho to convert, rounded up: with Gaussian accounting, what the noise's being discrete adds.

    Args:
        rho: of engagements, by the noise scales as they are.
        least_scale: the smallest of these scales.
        accounting: the accountant.

    Raises:
        PolicyError: the scale is too small for Gaussian accounting.
    """
    if accounting is Accounting.GAUSSIAN:
        if least_scale < MIN_GAUSSIAN_SCALE:
            raise PolicyError(
                f"mechanism.accounting: is 'gaussian' with noise of scale {least_scale}; at least "
                f"{MIN_GAUSSIAN_SCALE}"
            )
        rho *= Fraction(least_scale**2, least_scale**2 - ROUNDING**2)
    return nextafter(float(rho), inf)


def epsilon_at(
    rho: float, delta: float, gate_delta: float, accounting: Accounting = Accounting.ZCDP
) -> float:
    """Return the epsilon, at a total delta, of a release that costs rho and the gate.

    `docs/proofs/gate.md`: the total delta is that of the measurements plus the gate's.

    Returns:
        Epsilon, rounded up in its sixth digit; infinity if the gate alone uses up delta.
    """
    left = delta - gate_delta
    if left <= 0:
        return inf
    delta_of = gaussian_delta if accounting is Accounting.GAUSSIAN else zcdp_delta

    def excess(epsilon: float) -> float:
        return log(delta_of(rho, epsilon)) - log(left)

    if excess(0.0) <= 0:
        return 0.0
    # Bun & Steinke (2016), Proposition 1.3, is a valid, larger epsilon.
    largest = rho + 2 * sqrt(rho * log(1 / left))
    return float(brentq(excess, 0.0, largest, xtol=1e-9)) + EPSILON_ERROR


def max_attack_accuracy(rho: float, gate_delta: float, accounting: Accounting = Accounting.ZCDP) -> float:
    """Return how often the best attacker, at even odds, guesses correctly whether an engagement exists.

    The best guess is correct with probability (1 + TV)/2, where TV is the total variation distance of the two
    worlds' outputs. That of a Gaussian with shift √(2·rho) is 2Φ(√(rho/2)) − 1. By Pinsker's inequality
    TV <= √(KL/2), and rho-zCDP bounds KL, the Rényi divergence of order 1, by rho. The gate adds gate_delta
    to TV: `docs/proofs/gate.md`, inclusion (3).

    Returns:
        A probability from ½ to 1, rounded up in its fourth digit.
    """
    measured = float(erf(sqrt(rho) / 2)) if accounting is Accounting.GAUSSIAN else sqrt(rho / 2)
    distance = min(1.0, measured + gate_delta)
    return min(1.0, ceil(10_000 * (1 + distance) / 2) / 10_000)
