"""A history for a store of the audit's own, with what must come of it: counted by hand."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from api.replay.records import TimedRecord
from privacy.model.engagement import Kind
from privacy.model.timestamp import MS_PER_DAY, format_timestamp
from privacy.policy.policy import Policy

LIKED: Final = "rehearsal-liked"
FLIPPED: Final = "rehearsal-flipped"
FEW: Final = "rehearsal-few"
NONE: Final = "rehearsal-none"
CROWD: Final = 400
LEFT: Final = 120
BACK: Final = 30
PRIVATE: Final = 7
TOLD: Final = 3
"""How often the platform sends every batch."""
FLIPS_TOO_MANY: Final = 6
EPOCHS: Final = 25
PROFILE: Final = ("age_band", "gender", "region", "language", "device")


@dataclass(frozen=True)
class Scenario:
    """What happens.

    Args:
        policy: the one that is audited.
        name: random, so that what it names is found nowhere by accident.
    """

    policy: Policy
    name: str

    @property
    def start_ms(self) -> int:
        """When the videos are posted."""
        return (self.policy.intake.earliest_occurred_at_ms // MS_PER_DAY + 2) * MS_PER_DAY

    @property
    def end_ms(self) -> int:
        """Just after the last release that is made."""
        return self.start_ms + 1000 * self._ages[min(EPOCHS, len(self._ages) - 1) - 1] + 1

    @property
    def videos(self) -> list[TimedRecord]:
        """One that is liked, one on which an account flips, one with too few likes, and one without any."""
        return [
            self._moment(self.start_ms, {"video_id": video, "posted_at": format_timestamp(self.start_ms)})
            for video in (LIKED, FLIPPED, FEW, NONE)
        ]

    @cached_property
    def events(self) -> list[TimedRecord]:
        """All events, in the order in which they arrive; each batch arrives several times."""
        likes = [self._event("like", LIKED, account, 0) for account in self.crowd]
        few = [self._event("like", FEW, account, 0) for account in self.crowd[: self.policy.k - 1]]
        left = [self._event("unlike", LIKED, account, 1) for account in self.crowd[:LEFT]]
        back = [
            self._event("like", LIKED, account, 2, profile=self._profile(1)) for account in self.crowd[:BACK]
        ]
        private = [self._event("like", LIKED, account, 0, visibility="private") for account in self.private]
        late = [self._event("unlike", LIKED, account, 0, later_ms=1) for account in self.crowd[:BACK]]
        flips = [
            self._event("unlike" if turn % 2 else "like", FLIPPED, self.flipper, 0, later_ms=10 + turn)
            for turn in range(self.policy.flip_cap + FLIPS_TOO_MANY)
        ]
        late = [TimedRecord(back[0].at_ms, event.line) for event in late]
        batches = [[*likes, *private, *few, *self._child_events()], left, back, late, flips]
        deliveries = sorted(
            (batch for batch in batches for _ in range(TOLD)), key=lambda batch: batch[0].at_ms
        )
        return [event for batch in deliveries for event in batch]

    @cached_property
    def crowd(self) -> list[str]:
        """Accounts that like."""
        return [f"{self.name}-crowd-{number}" for number in range(CROWD)]

    @property
    def private(self) -> list[str]:
        """Accounts that like and hide who they are."""
        return [f"{self.name}-private-{number}" for number in range(PRIVATE)]

    @property
    def flipper(self) -> str:
        """An account that likes and un-likes more often than may count."""
        return f"{self.name}-flipper"

    @property
    def child(self) -> str:
        """An account whose events are dropped."""
        return f"{self.name}-child"

    @property
    def exact(self) -> dict[str, int]:
        """Likes of each video in the end."""
        return {LIKED: CROWD + PRIVATE - LEFT + BACK, FLIPPED: 0, FEW: self.policy.k - 1, NONE: 0}

    @property
    def cells(self) -> dict[str, dict[str, int]]:
        """Likes of the video that is liked, by cell; who comes back keeps the cell."""
        counts = {}
        for dimension in self.policy.domain.dimensions:
            if dimension.name in PROFILE:
                counts[dimension.name] = {
                    dimension.values[0]: CROWD - LEFT + BACK,
                    dimension.cells[-1]: PRIVATE,
                }
        return counts

    @property
    def _ages(self) -> tuple[int, ...]:
        return self.policy.schedule_of(Kind.LIKE).due_ages_seconds

    def _child_events(self) -> list[TimedRecord]:
        bands = sorted(self.policy.dropped_age_bands)
        return [self._event("like", LIKED, self.child, 0, profile={"age_band": bands[0]})] if bands else []

    def _event(
        self, what: str, video: str, account: str, epoch: int, later_ms: int = 0, **members: Any
    ) -> TimedRecord:
        """An event in the middle of an epoch, with members other than the usual ones."""
        ages = (0, *self._ages)
        place = min(epoch, len(ages) - 2)
        at_ms = self.start_ms + 500 * (ages[place] + ages[place + 1]) + later_ms + 1000 * (epoch - place)
        event = {
            "type": what,
            "account_id": account,
            "video_id": video,
            "occurred_at": format_timestamp(at_ms),
            "profile": self._profile(0),
            "visibility": "public",
        }
        return self._moment(at_ms, event | members)

    def _profile(self, place: int) -> dict[str, str]:
        """The values at one place of each dimension that a profile has."""
        return {
            dimension.name: dimension.values[place % len(dimension.values)]
            for dimension in self.policy.domain.dimensions
            if dimension.name in PROFILE
        }

    @staticmethod
    def _moment(at_ms: int, document: dict[str, Any]) -> TimedRecord:
        return TimedRecord(at_ms, json.dumps(document).encode())
