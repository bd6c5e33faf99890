"""Joint cells: the fast way gives the same codes as the domain."""

from hypothesis import given
from hypothesis import strategies as st

from privacy.intake.cells import CellCoder
from privacy.intake.event import PROFILE_FIELDS, EventAttributes
from privacy.model.dimension import HOUR_OF_DAY, PROFILE_DIMENSIONS, Dimension, JointDomain
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


def test_a_policy_may_declare_what_events_say() -> None:
    """The dimensions that a policy may declare are the attributes of an event, and the hour."""
    assert PROFILE_DIMENSIONS == PROFILE_FIELDS
