"""A budget is split exactly, or not at all."""

from fractions import Fraction

import pytest

from privacy.errors import PolicyError
from privacy.policy.budget import MAX_RHO, Budget


def budget(**parts: Fraction) -> Budget:
    """A budget of 1, with some parts replaced."""
    tenth = Fraction(1, 10)
    named = {
        "rho": Fraction(1),
        "total": 4 * tenth,
        "removals": tenth,
        "reserve": tenth,
        "gender": 4 * tenth,
    } | parts
    gender = named.pop("gender")
    return Budget("like", **named, breakdowns={"gender": gender})


def test_parts_that_add_up_are_taken() -> None:
    """Exact fractions add up without a rounding error; the reserve may be empty."""
    assert budget().rho == 1
    assert budget(reserve=Fraction(0), total=Fraction(1, 2)).reserve == 0


@pytest.mark.parametrize(
    ("field", "part"),
    [("total", "total"), ("removals", "removals"), ("gender", "breakdowns.gender"), ("reserve", "reserve")],
)
def test_a_negative_part_is_refused(field: str, part: str) -> None:
    """A negative part would let another one spend more than there is."""
    with pytest.raises(PolicyError, match=rf"budgets\.like\.{part}: is -1\.0; a rho"):
        budget(**{field: Fraction(-1)})


@pytest.mark.parametrize("rho", [Fraction(99, 100), Fraction(10**18 + 1, 10**18)])
def test_parts_that_do_not_add_up_are_refused(rho: Fraction) -> None:
    """However small the difference is."""
    with pytest.raises(PolicyError, match=r"budgets\.like\.rho: .* they must be equal"):
        budget(rho=rho)


def test_a_rho_that_protects_no_one_is_refused() -> None:
    """There is an upper bound."""
    more = Fraction(MAX_RHO)
    with pytest.raises(PolicyError, match=r"budgets\.like\.rho: is 2\.6; at most 2"):
        budget(rho=more + Fraction(6, 10), total=more)


def test_breakdowns_cannot_be_changed() -> None:
    """A budget is a value."""
    with pytest.raises(TypeError):
        budget().breakdowns["gender"] = Fraction(0)  # type: ignore[index]  # refused on purpose
