"""Policies with dimensions of a platform's own."""

from privacy.policy.file import parse_policy
from privacy.policy.policy import Policy
from tests.support.cli_policy import SMALL_POLICY

OWN_DIMENSIONS = {
    "city": ["Ghent", "Oulu", "Porto", "other"],
    "interest": ["bread", "chess", "tram spotting"],
    "tariff": ["free", "plus"],
    "from": ["search", "a friend"],
}
"""Four dimensions that nobody thought of."""


def own_policy_text(dimensions: dict[str, list[str]], version: str = "own") -> str:
    """Return the text of the small policy with other dimensions, which share the budget of the old ones."""
    head, rest = SMALL_POLICY.split("gender = 0.5\nhour_of_day = 0.5\n")
    middle, tail = rest.split("[dimensions]\n")
    declared = "".join(f"{name} = {values}\n" for name, values in dimensions.items())
    budgets = "".join(f"{name} = {1 / len(dimensions)}\n" for name in dimensions)
    text = f"{head}{budgets}{middle}[dimensions]\n{declared}{tail[tail.index('[children]') :]}"
    return text.replace('version = "small"', f'version = "{version}"')


def own_policy(*names: str) -> Policy:
    """Return the small policy with dimensions of these names, each with one value."""
    return parse_policy(own_policy_text({name: ["x"] for name in names}).encode())
