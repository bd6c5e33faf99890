"""The staff of a simulated platform: detects bots and purges them through the moderation API."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlencode

from api.runtime.platform_client import NDJSON, PlatformClient
from api.simulation.feed import MS_PER_WEEK, Burst
from api.simulation.platform import SimulatedPlatform
from privacy.model.timestamp import MS_PER_HOUR

DETECTION_DELAY_MS: Final = MS_PER_HOUR // 2
"""Short enough for a spectator to see likes appear in one release and disappear in a later one."""
_PURGES: Final = "/v1/moderation/purges?" + urlencode({"action": "purge", "note": "bought likes"})


@dataclass
class LiveStaff:
    """Trust & safety.

    Args:
        platform: the simulated platform.
        client: of the platform plane; its key must have the scope `moderate`.
        began_ms: start of the session; purges that were due in the week before are repeated.
    """

    platform: SimulatedPlatform
    client: PlatformClient
    began_ms: int
    _done_ms: int = field(init=False)

    def __post_init__(self) -> None:
        # Bursts of an earlier session are not stored; the weekly list of bots includes them.
        self._done_ms = self.began_ms - MS_PER_WEEK

    def step(self, bursts: list[Burst], now_ms: int) -> None:
        """Purges the bots detected by now, and removes their bursts from the list.

        Raises:
            StoreBusyError: the plane did not answer; the next step does it.
            InvalidInputError: the plane refuses.
        """
        while bursts and bursts[0].at_ms + DETECTION_DELAY_MS <= now_ms:
            self._purge(bursts[0].bots)
            del bursts[0]
        due = [action for action in self.platform.purges(now_ms) if action.at_ms >= self._done_ms]
        if due:
            self._purge([action.account_id for action in due])
            # An action is due when its moment is over, so this one is not due again.
            self._done_ms = due[-1].at_ms + 1

    def _purge(self, bots: Sequence[str]) -> None:
        body = "\n".join(json.dumps({"account_id": bot}) for bot in bots)
        self.client.send(_PURGES, body.encode(), NDJSON)
