"""Makes policies for tests: the first one with a small domain, few epochs and a small k."""

from dataclasses import replace
from fractions import Fraction

from privacy.model.dimension import Dimension, JointDomain
from privacy.model.engagement import Kind
from privacy.model.timestamp import SECONDS_PER_HOUR
from privacy.policy.budget import Budget
from privacy.policy.policy import Policy
from privacy.policy.schedule import Phase, Schedule
from tests.support.first_policy import FIRST_POLICY


def small_policy(version: str = "small", k: int = 3, epochs: int = 4, rho: Fraction = Fraction(2)) -> Policy:
    """Two dimensions of three and four cells, hourly epochs, and little noise for so large a rho."""
    domain = JointDomain(
        (Dimension("gender", ("female", "male")), Dimension("region", ("DE", "FR", "other")))
    )
    budget = Budget(
        kind=Kind.LIKE.label,
        rho=rho,
        total=rho / 4,
        removals=rho / 8,
        reserve=rho / 8,
        breakdowns={"gender": rho / 4, "region": rho / 4},
    )
    return replace(
        FIRST_POLICY,
        version=version,
        k=k,
        factorisation="power-0.6",
        gate_delta=Fraction(1, 10**6),
        budgets={Kind.LIKE: budget},
        schedule=Schedule((Phase(SECONDS_PER_HOUR, epochs * SECONDS_PER_HOUR),)),
        domain=domain,
    )
