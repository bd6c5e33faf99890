"""The staff of a simulated platform: they find bots out, and purge them through the moderation API."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlencode

from api.runtime.platform_client import NDJSON, PlatformClient
from api.simulation.feed import MS_PER_WEEK, Burst
from api.simulation.platform import SimulatedPlatform
from privacy.model.timestamp import MS_PER_HOUR

FOUND_OUT_AFTER_MS: Final = MS_PER_HOUR // 2
"""Soon enough that somebody who looks on sees likes come and go; the release in between has them."""
_PURGES: Final = "/v1/moderation/purges?" + urlencode({"action": "purge", "note": "bought likes"})


@dataclass
class LiveStaff:
    """Trust & safety.

    Args:
        world: whose bots they look for.
        client: where to; its key has the scope `moderate`.
        began_ms: when they took up their work: what was due in the week before they do once more.
    """

    world: SimulatedPlatform
    client: PlatformClient
    began_ms: int
    _done_ms: int = field(init=False)

    def __post_init__(self) -> None:
        # Bursts of a session that ended are remembered by nobody; the week's list has them in the end.
        self._done_ms = self.began_ms - MS_PER_WEEK

    def step(self, bursts: list[Burst], now_ms: int) -> None:
        """Purge who was found out by now, and take those bursts off the list.

        Raises:
            StoreBusyError: the plane did not answer; the next step does it.
            InvalidInputError: the plane refuses.
        """
        while bursts and bursts[0].at_ms + FOUND_OUT_AFTER_MS <= now_ms:
            self._purge(bursts[0].bots)
            del bursts[0]
        due = [action for action in self.world.purges(now_ms) if action.at_ms >= self._done_ms]
        if due:
            self._purge([action.account_id for action in due])
            # An action is due when its moment is over, so this one is not due again.
            self._done_ms = due[-1].at_ms + 1

    def _purge(self, bots: Sequence[str]) -> None:
        body = "\n".join(json.dumps({"account_id": bot}) for bot in bots)
        self.client.send(_PURGES, body.encode(), NDJSON)
