"""Makes a policy with the packaged one's schedule and few streams, for statistics over many targets."""

from dataclasses import replace
from fractions import Fraction

from privacy.model.engagement import Kind
from privacy.policy.budget import Budget
from privacy.policy.file import load_policy
from privacy.policy.policy import Policy
from tests.support.small_policy import small_policy


def narrow_policy() -> Policy:
    """Two dimensions of three and four cells, and a year of epochs."""
    packaged = load_policy()
    budget = Budget(
        kind=Kind.LIKE.label,
        rho=Fraction("0.07"),
        total=Fraction("0.042"),
        removals=Fraction("0.012"),
        reserve=Fraction(0),
        breakdowns={"gender": Fraction("0.008"), "region": Fraction("0.008")},
    )
    return replace(
        small_policy("narrow", packaged.k),
        factorisation=packaged.factorisation,
        gate_delta=packaged.gate_delta,
        budgets={Kind.LIKE: budget},
        schedule=packaged.schedule,
    )
