"""The shape of profiles: what policies declare is read, and all else is passed over and counted."""

import msgspec
import pytest
from msgspec import UNSET

from privacy.intake.event import PROFILE_FIELDS, EventAttributes
from privacy.intake.profile_shape import PASSED_OVER, USUAL_SHAPE, ProfileShape
from privacy.intake.taken import Taken
from privacy.model.dimension import HOUR_OF_DAY
from privacy.policy.file import load_policy, parse_policy
from tests.support.cli_policy import SMALL_POLICY
from tests.support.own_policy import own_policy

POLICY = load_policy()


def test_the_shipped_policy_declares_the_usual_dimensions() -> None:
    """Its profiles have the type without any more."""
    assert ProfileShape.of([POLICY]) == USUAL_SHAPE
    assert USUAL_SHAPE.attributes is EventAttributes
    assert (USUAL_SHAPE.own, USUAL_SHAPE.ignored) == ((), ())


def test_dimensions_of_all_policies_are_read() -> None:
    """Targets are bound to several policies, so the dimensions of each are needed; hours are no member."""
    small = parse_policy(SMALL_POLICY.encode())
    shape = ProfileShape.of([own_policy("city", "region"), own_policy("interest"), small])
    assert shape.own == ("city", "interest")
    assert shape.ignored == ("language", "device")
    assert shape.attributes.__struct_fields__ == (*PROFILE_FIELDS, "city", "interest")


def test_children_are_known_under_any_policy() -> None:
    """`age_band` is read even where no policy declares it."""
    shape = ProfileShape.of([own_policy("city")])
    assert "age_band" not in shape.ignored
    assert shape.describe_undeclared(["age_band"]) == ()


@pytest.mark.parametrize("name", ["from", "class", "none", "fields", "load", "self", "items", "x" * 64])
def test_any_name_of_a_dimension_is_a_member(name: str) -> None:
    """Words of the language and names of methods are names of dimensions like any other."""
    attributes = ProfileShape.of([own_policy(name)]).attributes
    read = msgspec.json.decode(msgspec.json.encode({name: "x", "gender": "y"}), type=attributes)
    assert (getattr(read, name), read.gender, read.region) == ("x", "y", UNSET)
    assert read == attributes(**{name: "x", "gender": "y"})
    assert hash(read) == hash(attributes(**{name: "x", "gender": "y"}))


def test_what_no_policy_declares_is_named_once_if_it_could_be_a_dimension() -> None:
    """Other names are whatever a sender thought of; the answer does not repeat them."""
    shape = ProfileShape.of([own_policy("city")])
    sent = ["city", "tariff", HOUR_OF_DAY, "a b", "a-2001", "", "x" * 65, "gender", "tariff"]
    assert shape.describe_undeclared(sent) == (
        Taken("profile", PASSED_OVER),
        Taken("profile.gender", PASSED_OVER),
        Taken("profile.hour_of_day", PASSED_OVER),
        Taken("profile.tariff", PASSED_OVER),
    )


def test_of_many_names_the_first_ones_are_repeated() -> None:
    """A profile of thousands of names makes a short answer."""
    described = USUAL_SHAPE.describe_undeclared([f"n{number:04d}" for number in range(5_000)])
    assert described == (
        Taken("profile", PASSED_OVER),
        *(Taken(f"profile.n{number:04d}", PASSED_OVER) for number in range(8)),
    )
