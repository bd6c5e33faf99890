"""Accounts of the reviewer's own, as many as needed, none so busy that it looks like a bot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from privacy.audit.black_box.context import CampaignContext
from privacy.audit.black_box.deployment import Canary, CanaryEvent

_NOTHING: Mapping[str, str] = {}


def likes_of_sybils(
    ground: CampaignContext,
    tag: str,
    canaries: Sequence[Canary],
    likes: int,
    profile: Mapping[str, str] = _NOTHING,
) -> Iterator[CanaryEvent]:
    """So many likes for each canary; an account likes several of them.

    Args:
        ground: of the campaign.
        tag: of these accounts; another one means other accounts.
        canaries: what is liked.
        likes: of each.
        profile: of all accounts.
    """
    for place, canary in enumerate(canaries):
        block = place // ground.claim.likes_an_account
        for number in range(likes):
            yield CanaryEvent(f"{ground.run}-{tag}-{block}-{number}", canary.name, profile)


def likes_to_be_shown(ground: CampaignContext) -> int:
    """Likes with which a total is shown in every round, but for a chance of one in thousands."""
    claim = ground.claim
    latest = min(2 * ground.sizes.rounds, len(claim.thresholds) - 1)
    # The margin is several deviations; half of it again is plenty.
    return max(claim.thresholds[: latest + 1]) + (max(claim.thresholds) - claim.k) // 2 + 1
