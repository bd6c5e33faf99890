"""The scenario of the end-to-end audit, with expected results that were counted by hand."""

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from api.replay.records import TimedRecord
from privacy.model.dimension import HOUR_OF_DAY
from privacy.model.engagement import Kind
from privacy.model.timestamp import MS_PER_DAY, format_timestamp
from privacy.policy.policy import Policy

LIKED: Final = "audit-liked"
FLIPPED: Final = "audit-flipped"
FEW: Final = "audit-few"
NONE: Final = "audit-none"
CROWD: Final = 400
UNLIKING: Final = 120
RETURNING: Final = 30
FLIPS_BEFORE_RETURN: Final = 2
"""A like and an unlike."""
PRIVATE: Final = 7
DELIVERIES: Final = 3
"""Number of times that each batch is sent."""
FLIPS_TOO_MANY: Final = 6
EPOCHS: Final = 25


@dataclass(frozen=True)
class Scenario:
    """The scenario.

    Args:
        policy: the audited policy.
        name: random, so that the account ids occur nowhere by accident.
    """

    policy: Policy
    name: str

    @property
    def start_ms(self) -> int:
        """Time at which the videos are posted."""
        return (self.policy.intake.earliest_occurred_at_ms // MS_PER_DAY + 2) * MS_PER_DAY

    @property
    def end_ms(self) -> int:
        """Time just after the last release became visible."""
        last_age_ms = 1000 * self._ages[min(EPOCHS, len(self._ages) - 1) - 1]
        return self.start_ms + last_age_ms + self.policy.public_delay_ms + 1

    @property
    def videos(self) -> list[TimedRecord]:
        """Videos: one with likes, one with flips of an account, one with too few likes, one without likes."""
        return [self.video(video, self.start_ms) for video in (LIKED, FLIPPED, FEW, NONE)]

    @cached_property
    def events(self) -> list[TimedRecord]:
        """All events, in the order in which they arrive; each batch arrives several times."""
        likes = [self._event("like", LIKED, account, 0) for account in self.accounts]
        few = [self._event("like", FEW, account, 0) for account in self.accounts[: self.policy.k - 1]]
        left = [self._event("unlike", LIKED, account, 1) for account in self.accounts[:UNLIKING]]
        back = [
            self._event("like", LIKED, account, 2, profile=self._profile(1))
            for account in self.accounts[:RETURNING]
        ]
        private = [self._event("like", LIKED, account, 0, visibility="private") for account in self.private]
        late = [self._event("unlike", LIKED, account, 0, later_ms=1) for account in self.accounts[:RETURNING]]
        flips = [
            self._event("unlike" if turn % 2 else "like", FLIPPED, self.flipper, 0, later_ms=10 + turn)
            for turn in range(self.policy.flip_cap + FLIPS_TOO_MANY)
        ]
        late = [TimedRecord(back[0].at_ms, event.line) for event in late]
        batches = [[*likes, *private, *few, *self._child_events()], left, back, late, flips]
        deliveries = sorted(
            (batch for batch in batches for _ in range(DELIVERIES)), key=lambda batch: batch[0].at_ms
        )
        return [event for batch in deliveries for event in batch]

    def video(self, video_id: str, posted_at_ms: int) -> TimedRecord:
        """Makes a video that is posted at a moment."""
        return self._make_record(
            posted_at_ms, {"video_id": video_id, "posted_at": format_timestamp(posted_at_ms)}
        )

    def like(self, video_id: str, account: str, at_ms: int) -> TimedRecord:
        """Makes a like at a moment."""
        return self._make_record(at_ms, self._describe("like", video_id, account, at_ms))

    @cached_property
    def accounts(self) -> list[str]:
        """Accounts that like."""
        return [f"{self.name}-crowd-{number}" for number in range(CROWD)]

    @property
    def private(self) -> list[str]:
        """Private accounts that like."""
        return [f"{self.name}-private-{number}" for number in range(PRIVATE)]

    @property
    def flipper(self) -> str:
        """An account that likes and unlikes more often than is counted."""
        return f"{self.name}-flipper"

    @property
    def child(self) -> str:
        """An account whose events are dropped."""
        return f"{self.name}-child"

    @property
    def exact(self) -> dict[str, int]:
        """Likes of each video at the end."""
        return {
            LIKED: CROWD + PRIVATE - UNLIKING + self._returned,
            FLIPPED: 0,
            FEW: self.policy.k - 1,
            NONE: 0,
        }

    @property
    def cells(self) -> dict[str, dict[str, int]]:
        """Likes of the liked video by cell; returning accounts keep their cells."""
        counts = {}
        for dimension in self.policy.series_dimensions:
            if dimension.name != HOUR_OF_DAY:
                counts[dimension.name] = {
                    dimension.values[0]: CROWD - UNLIKING + self._returned,
                    dimension.cells[-1]: PRIVATE,
                }
        return counts

    @property
    def _returned(self) -> int:
        """Accounts that are counted again: none if a like and an unlike use up all flips."""
        return RETURNING if self.policy.flip_cap > FLIPS_BEFORE_RETURN else 0

    @property
    def _ages(self) -> tuple[int, ...]:
        return self.policy.schedule_of(Kind.LIKE).due_ages_seconds

    def _child_events(self) -> list[TimedRecord]:
        bands = sorted(self.policy.dropped_age_bands)
        return [self._event("like", LIKED, self.child, 0, profile={"age_band": bands[0]})] if bands else []

    def _event(
        self, what: str, video: str, account: str, epoch: int, later_ms: int = 0, **members: Any
    ) -> TimedRecord:
        """Makes an event in the middle of an epoch; `members` override the defaults."""
        ages = (0, *self._ages)
        index = min(epoch, len(ages) - 2)
        at_ms = self.start_ms + 500 * (ages[index] + ages[index + 1]) + later_ms + 1000 * (epoch - index)
        return self._make_record(at_ms, self._describe(what, video, account, at_ms) | members)

    def _describe(self, what: str, video: str, account: str, at_ms: int) -> dict[str, Any]:
        return {
            "type": what,
            "account_id": account,
            "video_id": video,
            "occurred_at": format_timestamp(at_ms),
            "profile": self._profile(0),
            "visibility": "public",
        }

    def _profile(self, index: int) -> dict[str, str]:
        """Returns the values at one index of each profile dimension."""
        return {
            dimension.name: dimension.values[index % len(dimension.values)]
            for dimension in self.policy.domain.dimensions
            if dimension.name != HOUR_OF_DAY
        }

    @staticmethod
    def _make_record(at_ms: int, document: dict[str, Any]) -> TimedRecord:
        return TimedRecord(at_ms, json.dumps(document).encode())
