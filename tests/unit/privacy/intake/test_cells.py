"""Joint cells: the fast way gives the same codes as the domain."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privacy.errors import PolicyError
from privacy.intake.cells import CellCoder
from privacy.intake.event import PROFILE_FIELDS, EventAttributes
from privacy.model.dimension import HOUR_OF_DAY, Dimension, JointDomain
from privacy.model.timestamp import MS_PER_HOUR
from privacy.policy.file import load_policy

DOMAIN = load_policy().domain
VALUES = {dimension.name: dimension.values for dimension in DOMAIN.dimensions}
PROFILES = st.fixed_dictionaries(
    {}, optional={name: st.sampled_from(VALUES[name]) for name in PROFILE_FIELDS}
)


@given(st.permutations(DOMAIN.dimensions), st.integers(1, 6), PROFILES, st.integers(-(10**13), 10**13))
def test_codes_are_those_of_the_joint_domain(
    dimensions: list[Dimension], declared: int, said: dict[str, str], at_ms: int
) -> None:
    """For any declared dimensions in any order, any profile and any time, the two ways agree."""
    domain = JointDomain(tuple(dimensions[:declared]))
    hour = f"{at_ms // MS_PER_HOUR % 24:02d}"
    assert CellCoder(domain).code(EventAttributes(**said), at_ms) == domain.code({**said, HOUR_OF_DAY: hour})


def test_a_dimension_that_events_do_not_have_stops_the_program() -> None:
    """Its breakdown would permanently contain `undisclosed` alone."""
    with pytest.raises(PolicyError, match=r"dimensions\.shoe_size: events do not have it"):
        CellCoder(JointDomain((Dimension("shoe_size", ("43",)),)))
