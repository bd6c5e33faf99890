"""From rho-zCDP and the gate's delta to (epsilon, delta)."""

from math import ceil, exp, inf, log, log1p, sqrt

from scipy.optimize import brentq, minimize_scalar


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


def epsilon_at(rho: float, delta: float, gate_delta: float) -> float:
    """Return the epsilon, at a total delta, of a release that is rho-zCDP except for the gate.

    `docs/proofs/gate.md`: the total delta is that of zCDP plus the gate's.

    Returns:
        Epsilon, rounded up in its sixth digit; infinity if the gate alone uses up delta.
    """
    left = delta - gate_delta
    if left <= 0:
        return inf

    def excess(epsilon: float) -> float:
        return log(zcdp_delta(rho, epsilon)) - log(left)

    if excess(0.0) <= 0:
        return 0.0
    # Bun & Steinke (2016), Proposition 1.3, is a valid, larger epsilon.
    largest = rho + 2 * sqrt(rho * log(1 / left))
    return float(brentq(excess, 0.0, largest, xtol=1e-9)) + 1e-6


def max_attack_accuracy(rho: float, gate_delta: float) -> float:
    """Return how often the best attacker, at even odds, guesses correctly whether an engagement exists.

    The best guess is correct with probability (1 + TV)/2, where TV is the total variation distance of the two
    worlds' outputs. By Pinsker's inequality TV <= √(KL/2), and rho-zCDP bounds KL, the Rényi divergence of
    order 1, by rho. The gate adds gate_delta to TV: `docs/proofs/gate.md`, inclusion (3).

    Returns:
        A probability from ½ to 1, rounded up in its fourth digit.
    """
    distance = min(1.0, sqrt(rho / 2) + gate_delta)
    return min(1.0, ceil(10_000 * (1 + distance) / 2) / 10_000)
