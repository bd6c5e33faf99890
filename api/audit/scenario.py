"""The scenario of the end-to-end audit, with expected results that were counted by hand."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from api.replay.records import Action, ActionKind, TimedRecord
from privacy.model.audience import Period, Scope
from privacy.model.dimension import HOUR_OF_DAY
from privacy.model.engagement import Kind
from privacy.model.timestamp import MS_PER_DAY, MS_PER_HOUR, SECONDS_PER_DAY, format_timestamp
from privacy.policy.policy import Policy

LIKED: Final = "audit-liked"
FLIPPED: Final = "audit-flipped"
FEW: Final = "audit-few"
NONE: Final = "audit-none"
BANNED: Final = "audit-banned"
NEXT: Final = "audit-next"
MAKER: Final = "audit-maker"
SOUND: Final = "audit-sound"
TAGS: Final = ("delta", "alpha", "echo", "bravo", "charlie")
"""Creator, sound and hashtags of all its videos; of the hashtags, the first ones by spelling count."""
CROWD: Final = 400
UNLIKING: Final = 120
RETURNING: Final = 30
FLIPS_BEFORE_RETURN: Final = 2
"""A like and an unlike."""
PRIVATE: Final = 7
BANS: Final = 9
LATER_BANS: Final = 5
NEWCOMERS: Final = 8
COUNTED_EPOCHS: Final = 4
"""When all events have arrived."""
DELIVERIES: Final = 3
"""Number of times that each batch is sent."""
FLIPS_TOO_MANY: Final = 6
EPOCHS: Final = 28
DAYS: Final = 2
"""Days of likes: the last ones of the longest period of audiences, which ends with the scenario's epochs."""


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
        earliest_ms = (self.policy.intake.earliest_occurred_at_ms // MS_PER_DAY + 2) * MS_PER_DAY
        periods = self.policy.audiences.periods if self.policy.audiences else ()
        lengths = (period.every_seconds for period in periods if period.every_seconds % SECONDS_PER_DAY == 0)
        last_ms = earliest_ms + DAYS * MS_PER_DAY - 1
        end_ms = Period.at(last_ms, max(lengths, default=SECONDS_PER_DAY)).end_ms
        return end_ms - DAYS * MS_PER_DAY

    @property
    def end_ms(self) -> int:
        """Time just after the last release became visible."""
        last_age_ms = 1000 * self._ages[min(EPOCHS, len(self._ages) - 1) - 1]
        return self.start_ms + last_age_ms + self.policy.public_delay_ms + 1

    @property
    def videos(self) -> list[TimedRecord]:
        """Videos: with likes, flips, too few likes, without, of banned accounts, and of the next day."""
        metadata = {"creator_id": MAKER, "sound_id": SOUND, "hashtags": TAGS}
        videos = (LIKED, FLIPPED, FEW, NONE, BANNED, NEXT)
        return [self.video(video, self.start_ms, metadata) for video in videos]

    @property
    def actions(self) -> list[Action]:
        """Bans of all accounts that like one of the videos, of some of them on the next day."""
        bans = [Action(self.counted_ms - 1, ActionKind.BAN, account) for account in self.banned]
        later = [Action(self.later_ms + 1, ActionKind.BAN, account) for account in self.banned_later]
        return bans + later

    @property
    def counted_ms(self) -> int:
        """Time at which all events and actions of the first day are done."""
        return self.start_ms + 1000 * self._ages[min(COUNTED_EPOCHS, len(self._ages)) - 1]

    @property
    def later_ms(self) -> int:
        """Time of the likes of the next day, after those of the first."""
        return max(self.counted_ms, self.start_ms + MS_PER_DAY) + MS_PER_HOUR

    @cached_property
    def events(self) -> list[TimedRecord]:
        """All events, in the order in which they arrive; each batch arrives several times."""
        likes = [self._event("like", LIKED, account, 0) for account in self.accounts]
        # In audiences these are the accounts above; they have other profiles now, and keep their cells.
        few = [
            self._event("like", FEW, account, 0, profile=self._profile(1))
            for account in self.accounts[: self.policy.k - 1]
        ]
        few += [self._event("like", BANNED, account, 0) for account in (*self.banned, *self.banned_later)]
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
        first = [*likes, *private, *few, *self._child_events()]
        batches = [first, left, back, late, flips, self._later_events]
        deliveries = sorted(
            (batch for batch in batches for _ in range(DELIVERIES)), key=lambda batch: batch[0].at_ms
        )
        return [event for batch in deliveries for event in batch]

    def video(
        self, video_id: str, posted_at_ms: int, metadata: Mapping[str, Any] | None = None
    ) -> TimedRecord:
        """Makes a video that is posted at a moment."""
        document = {"video_id": video_id, "posted_at": format_timestamp(posted_at_ms)}
        return self._make_record(posted_at_ms, document | dict(metadata or {}))

    def like(self, video_id: str, account: str, at_ms: int, **members: Any) -> TimedRecord:
        """Makes a like at a moment; `members` override the defaults."""
        return self._make_record(at_ms, self._describe("like", video_id, account, at_ms) | members)

    @cached_property
    def accounts(self) -> list[str]:
        """Accounts that like."""
        return [f"{self.name}-crowd-{number}" for number in range(CROWD)]

    @property
    def private(self) -> list[str]:
        """Private accounts that like."""
        return [f"{self.name}-private-{number}" for number in range(PRIVATE)]

    @property
    def banned(self) -> list[str]:
        """Accounts that are banned."""
        return [f"{self.name}-banned-{number}" for number in range(BANS)]

    @property
    def banned_later(self) -> list[str]:
        """Accounts that are banned on the next day."""
        return [f"{self.name}-banned-later-{number}" for number in range(LATER_BANS)]

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
    def has_public_audiences(self) -> bool:
        """Returns whether the policy measures audiences of hashtags and of the platform."""
        periods = self.policy.audiences.periods if self.policy.audiences else ()
        return {Scope.HASHTAG, Scope.PLATFORM} <= {period.scope for period in periods}

    def members_of(self, period: Period) -> dict[str, dict[str, int]] | None:
        """Returns the accounts of each audience of all videos in a period, by cell; None if it ends too late.

        Each account is there once, where it began in that period. What is taken back stays; who is banned
        while the period runs does not. None, too, for a period that begins or ends among likes of a day.
        """
        has_first = period.start_ms <= self.start_ms and self.counted_ms < period.end_ms
        has_later = period.start_ms <= self.later_ms and self.later_ms + 1 < period.end_ms
        is_cut = not has_first and period.start_ms < self.counted_ms
        if period.end_ms > self.end_ms or is_cut or (not has_later and period.end_ms > self.later_ms):
            return None
        began = CROWD + 1 if has_first else 0
        began += NEWCOMERS if has_later else LATER_BANS
        hidden, moved = (PRIVATE, 0) if has_first else (0, RETURNING)
        counts = {"total": {"accounts": began + hidden + moved}}
        for dimension in self.policy.domain.dimensions:
            if dimension.name != HOUR_OF_DAY:
                cells = Counter({dimension.values[0]: began, dimension.cells[-1]: hidden})
                cells[dimension.values[1 % len(dimension.values)]] += moved
                counts[dimension.name] = {cell: count for cell, count in sorted(cells.items()) if count}
        return counts

    @property
    def _returned(self) -> int:
        """Accounts that are counted again: none if a like and an unlike use up all flips."""
        return RETURNING if self.policy.flip_cap > FLIPS_BEFORE_RETURN else 0

    @property
    def _ages(self) -> tuple[int, ...]:
        return self.policy.schedule_of(Kind.LIKE).due_ages_seconds

    @property
    def _later_events(self) -> list[TimedRecord]:
        """Likes of the next day, of accounts that have liked before, with other profiles, and of others."""
        before = [
            self.like(NEXT, account, self.later_ms, profile=self._profile(1))
            for account in self.accounts[:RETURNING]
        ]
        others = (f"{self.name}-new-{number}" for number in range(NEWCOMERS))
        return [*before, *(self.like(NEXT, account, self.later_ms) for account in others)]

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
