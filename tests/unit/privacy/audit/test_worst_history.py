"""The audit's own search for the history that changes a stream most."""

from itertools import combinations

import pytest

from privacy.audit.worst_history import norm_squared, worst_history
from privacy.mechanism.factorisation import load_factorisation, power_factorisation
from privacy.mechanism.sensitivity import alternating_sensitivity_squared


@pytest.mark.parametrize("flips", [1, 2, 3, 4])
@pytest.mark.parametrize("exponent", ["0.3", "0.6"])
def test_no_history_within_four_flips_changes_more(exponent: str, flips: int) -> None:
    """Every set of epochs is tried one by one."""
    coefficients = power_factorisation(exponent, 9).coefficients
    histories = (history for size in range(1, flips + 1) for history in combinations(range(9), size))
    most = max(norm_squared(coefficients, history) for history in histories)
    assert norm_squared(coefficients, worst_history(coefficients, flips)) == most


def test_it_agrees_with_the_accountant() -> None:
    """For the packaged factorisation both find the same sensitivity."""
    factorisation = load_factorisation("toeplitz-87-w4", 87)
    found = worst_history(factorisation.coefficients, 4)
    assert norm_squared(factorisation.coefficients, found) == alternating_sensitivity_squared(
        factorisation, 4
    )


@pytest.mark.parametrize("flips", [6, 8])
def test_beyond_four_flips_it_finds_much_and_never_too_much(flips: int) -> None:
    """What is found lies above what four flips do, and is no more than the certified bound."""
    factorisation = power_factorisation("0.6", 20)
    found = norm_squared(factorisation.coefficients, worst_history(factorisation.coefficients, flips))
    four = norm_squared(factorisation.coefficients, worst_history(factorisation.coefficients, 4))
    assert four < found <= alternating_sensitivity_squared(factorisation, flips)
