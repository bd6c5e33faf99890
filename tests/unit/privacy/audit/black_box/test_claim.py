"""What a claim allows an attacker at most."""

from dataclasses import replace
from math import exp, sqrt
from statistics import NormalDist

import pytest

from privacy.audit.black_box.claim import Claim, list_profile_dimensions
from privacy.errors import PolicyError
from privacy.mechanism.guarantee import guarantee
from privacy.policy.file import load_policy
from tests.support.first_policy import FIRST_POLICY

CLAIM = Claim.from_document(guarantee(load_policy()))


def test_a_claim_is_read_from_what_the_public_plane_says() -> None:
    """Every value is the policy's or follows from it."""
    policy = load_policy()
    assert (CLAIM.version, CLAIM.k, CLAIM.rho) == (policy.version, policy.k, 0.1092)
    assert CLAIM.epsilons == {1e-9: 2.7154, 1e-6: 2.0931}
    assert CLAIM.due_ages_seconds == policy.schedule.due_ages_seconds
    assert CLAIM.values["gender"] == ("female", "male", "other")
    assert set(CLAIM.values) == {dimension.name for dimension in policy.series_dimensions}


def test_the_ceiling_is_what_a_gaussian_allows() -> None:
    """2Φ(√(ρ / 2)) − 1 and the gate's δ, as stated, rounded up."""
    gaussian = 2 * NormalDist().cdf(sqrt(CLAIM.rho / 2)) - 1
    assert gaussian < CLAIM.advantage_ceiling < gaussian + 2e-4


def test_the_ceiling_of_a_claim_of_zcdp_is_pinskers_where_rho_is_small() -> None:
    """√(ρ / 2) and the gate's δ; what is stated is that, rounded up."""
    claim = Claim.from_document(guarantee(FIRST_POLICY))
    assert claim.advantage_ceiling == pytest.approx(sqrt(0.05) + 1e-12)
    assert sqrt(0.05) < 2 * claim.max_accuracy - 1 < sqrt(0.05) + 2e-4


def test_the_ceiling_is_that_of_epsilon_and_delta_where_it_is_lower() -> None:
    """Whatever is claimed bounds every attacker, so the least of the bounds does."""
    claim = replace(CLAIM, rho=2.0, epsilons={1e-6: 0.25}, max_accuracy=1.0)
    assert claim.advantage_ceiling == pytest.approx((exp(0.25) - 1 + 2e-6) / (exp(0.25) + 1))
    assert replace(claim, rho=50.0, epsilons={}).accuracy_ceiling == 1.0


def test_the_ceiling_of_an_audience_is_that_of_its_own_number() -> None:
    """What one number costs bounds who reads it alone; what all audiences cost does where that is less."""
    audience = CLAIM.audience
    assert audience
    assert (audience.rho, audience.all_rho, audience.gate_delta) == (0.0001, 0.02102, 1e-10)
    gaussian = NormalDist().cdf(sqrt(audience.rho / 2))
    assert gaussian < audience.accuracy_ceiling < gaussian + 1e-3
    assert audience.accuracy_ceiling == pytest.approx((1 + sqrt(0.00005) + 1e-10) / 2, abs=1e-15)
    dearer = replace(audience, rho=1.0)
    assert audience.accuracy_ceiling < dearer.accuracy_ceiling < CLAIM.accuracy_ceiling
    assert dearer.accuracy_ceiling == pytest.approx((1 + sqrt(0.01051) + 1e-10) / 2, abs=1e-15)


def test_a_rest_between_releases_is_found() -> None:
    """The first one that is long enough; where none is, the longest."""
    claim = replace(CLAIM, due_ages_seconds=(1, 2, 10, 60, 90))
    assert [claim.find_epoch_before_quiet(seconds) for seconds in (1, 5, 20, 1_000)] == [0, 1, 2, 2]


def test_canaries_have_whatever_dimensions_are_declared() -> None:
    """The usual ones come first; hours are not in a profile, and one value alone distinguishes nothing."""
    values = {
        "hour_of_day": ("00", "01"),
        "city": ("Ghent", "Oulu"),
        "tariff": ("free",),
        "device": ("a", "b"),
    }
    assert list_profile_dimensions(replace(CLAIM, values=values)) == ["device", "city"]
    with pytest.raises(PolicyError, match="canaries need one"):
        list_profile_dimensions(replace(CLAIM, values={"tariff": ("free",)}))
