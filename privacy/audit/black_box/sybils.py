"""Creates likes of the attacker's own accounts, none active enough to be flagged as a bot."""

from collections.abc import Iterator, Mapping, Sequence

from privacy.audit.black_box.context import CampaignContext
from privacy.audit.black_box.deployment import Canary, CanaryEvent

_NOTHING: Mapping[str, str] = {}


def likes_of_sybils(
    context: CampaignContext,
    tag: str,
    canaries: Sequence[Canary],
    likes: int,
    profile: Mapping[str, str] = _NOTHING,
) -> Iterator[CanaryEvent]:
    """Yields the given number of likes for each canary; an account likes several canaries.

    Args:
        context: of the campaign.
        tag: of these accounts; different tags mean different accounts.
        canaries: the canaries to like.
        likes: number of likes of each canary.
        profile: of all accounts.
    """
    for index, canary in enumerate(canaries):
        block = index // context.claim.likes_per_account
        for number in range(likes):
            yield CanaryEvent(f"{context.run}-{tag}-{block}-{number}", canary.name, profile)


def likes_until_shown(context: CampaignContext) -> int:
    """Returns a number of likes with which a total is almost certainly shown in every round."""
    claim = context.claim
    latest = min(2 * context.scale.rounds, len(claim.thresholds) - 1)
    # The margin is several deviations; half of it in addition is enough.
    return max(claim.thresholds[: latest + 1]) + (max(claim.thresholds) - claim.k) // 2 + 1
