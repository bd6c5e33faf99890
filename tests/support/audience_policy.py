"""A small policy that declares audiences: of creators by week and block, of all else by day."""

from dataclasses import replace
from fractions import Fraction
from typing import Final

from privacy.model.audience import Scope
from privacy.model.engagement import Kind
from privacy.model.timestamp import SECONDS_PER_DAY
from privacy.policy.audiences import AudiencePeriod, Audiences
from privacy.policy.policy import Policy
from tests.support.small_policy import small_policy

DAY, WEEK, BLOCK = SECONDS_PER_DAY, 7 * SECONDS_PER_DAY, 28 * SECONDS_PER_DAY
_RHO: Final = Fraction(1, 100)
_GENDER: Final = {"gender": _RHO}
AUDIENCES: Final = Audiences(
    2,
    (),
    (
        AudiencePeriod(Scope.CREATOR, WEEK, _RHO, {}),
        AudiencePeriod(Scope.CREATOR, BLOCK, _RHO, _GENDER),
        AudiencePeriod(Scope.HASHTAG, DAY, _RHO, _GENDER),
        AudiencePeriod(Scope.SOUND, DAY, _RHO, _GENDER),
        AudiencePeriod(Scope.PLATFORM, DAY, _RHO, _GENDER),
    ),
)


def audience_policy(version: str = "audiences", audiences: Audiences = AUDIENCES) -> Policy:
    """The small policy with audiences, which its reserve pays for."""
    policy = small_policy(version)
    budget = policy.budgets[Kind.LIKE]
    paid = replace(budget, reserve=budget.reserve - audiences.rho, audiences=audiences.rho)
    return replace(policy, budgets={Kind.LIKE: paid}, audiences=audiences)
