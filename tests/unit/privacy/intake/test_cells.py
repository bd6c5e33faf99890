"""Joint cells: the fast way gives the same codes as the domain."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from privacy.intake.cells import CellCoder
from privacy.intake.event import PROFILE_FIELDS, EventAttributes
from privacy.intake.profile_shape import ProfileShape
from privacy.intake.taken import Taken
from privacy.model.dimension import HOUR_OF_DAY, UNDISCLOSED, Dimension, JointDomain
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


OWN = JointDomain(
    (
        Dimension("city", ("Ghent", "Oulu", "other")),
        Dimension("gender", ("female", "male")),
        Dimension("interest", ("bread", "chess")),
    )
)
OWN_SHAPE = ProfileShape(frozenset({"city", "gender", "interest"}))


@given(
    st.fixed_dictionaries(
        {}, optional={dimension.name: st.sampled_from(dimension.values) for dimension in OWN.dimensions}
    )
)
def test_dimensions_of_a_platforms_own_have_cells(said: dict[str, str]) -> None:
    """Nobody thought of them before; their codes are those of the joint domain."""
    assert CellCoder(OWN).code(OWN_SHAPE.attributes(**said), 0) == OWN.code(said)


def test_an_own_dimension_is_read_in_any_spelling() -> None:
    """Case and separators make no difference, and a value that is not listed is `other` or undisclosed."""
    coder = CellCoder(OWN)
    odd = msgspec.convert({"city": "OULU", "interest": "opera"}, OWN_SHAPE.attributes)
    assert coder.code(odd, 0) == OWN.code({"city": "Oulu"})
    assert coder.takings(odd) == [Taken("profile.city", "Oulu"), Taken("profile.interest", UNDISCLOSED)]
    assert coder.code(msgspec.convert({"city": "Bergen"}, OWN_SHAPE.attributes), 0) == OWN.code(
        {"city": "other"}
    )


def test_what_a_profile_cannot_say_is_undisclosed() -> None:
    """A profile from before a policy declared a dimension has no such member."""
    assert CellCoder(OWN).code(EventAttributes(gender="male"), 0) == OWN.code({"gender": "male"})
