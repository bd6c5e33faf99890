"""The audiences of a policy by the length of their periods: in what a video counts."""

from __future__ import annotations

from dataclasses import dataclass

from privacy.model.audience import Scope
from privacy.policy.policy import Policy


@dataclass(frozen=True)
class AudienceGroup:
    """The audiences whose periods have one length.

    Args:
        every_seconds: that length.
        scopes: of the audiences that one engagement can count in, an element for each.
    """

    every_seconds: int
    scopes: tuple[Scope, ...]


def list_audience_groups(policy: Policy) -> tuple[AudienceGroup, ...]:
    """Returns the groups of a policy, in the order of its file; none if it declares no audiences."""
    if policy.audiences is None:
        return ()
    by_length: dict[int, list[Scope]] = {}
    for period in policy.audiences.periods:
        scopes = by_length.setdefault(period.every_seconds, [])
        scopes += [period.scope] * policy.audiences.scopes_per_engagement(period.scope)
    return tuple(AudienceGroup(every_seconds, tuple(scopes)) for every_seconds, scopes in by_length.items())


def find_slice_seconds(policy: Policy) -> int:
    """Returns the greatest length of which all periods of a policy's audiences are made; 0 for no audiences.

    What a period has counted is settled slice by slice.
    """
    return policy.audiences.slice_seconds if policy.audiences else 0
