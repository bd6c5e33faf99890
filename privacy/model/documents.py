"""The documents in the gallery, about targets and releases; none contains data about a person.

Both sides of the wall share these shapes: `privacy.publishing` writes them and `privacy.gallery` reads them.
They are JSON. Releases and ledger entries are written once and never change.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Any

import msgspec

from privacy.model.sandbox import PUBLISHED_LIFE_MS

Figure = tuple[int, int, int]
"""A published number: value, and the lower and upper end of its 95 % interval."""


class Document(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """Base of all documents: immutable, and strict when read."""


class TargetDocument(Document, frozen=True, omit_defaults=True):
    """Public metadata of a video or creator, as the platform declared it."""

    target_type: str
    target_id: str
    creator_id: str | None
    title: str | None
    """Title of a video, name of a creator."""
    hashtags: list[str]
    sound_id: str | None
    duration_seconds: int | None
    starts_at_ms: int
    """Start of its schedule: time of posting of a video, start of counting of a creator. For a video that was
    registered late it is the time of its registration."""
    taken_down: str | None
    """Reason why it is hidden now; None while it is shown."""
    revision: int
    """Number of changes so far: an older document never replaces a newer one."""
    policy_version: str
    first_epoch: int | None
    """The epoch that was running at registration."""
    first_release_at_ms: int | None
    """When its first release becomes visible; None for a target registered after its last epoch."""
    posted_at_ms: int | None = None
    """Time of posting of a video that was registered late; None for any other target."""

    @property
    def declared_start_ms(self) -> int:
        """The start as the platform declared it: `posted_at` of a video, `counted_from` of a creator."""
        return self.starts_at_ms if self.posted_at_ms is None else self.posted_at_ms


class BreakdownFigures(Document, frozen=True):
    """A breakdown of a release. A withheld number is null, whatever the reason."""

    cells: dict[str, Figure | None]
    other: Figure | None


class ReleaseDocument(Document, frozen=True, omit_defaults=True):
    """The immutable document of one target and kind at one epoch."""

    target_id: str
    kind: str
    epoch: int
    as_of_ms: int
    """Scheduled end of the epoch: the release counts what was taken in before it, and nothing else."""
    next_release_at_ms: int | None
    """When the next release becomes visible; None after the last one."""
    policy_version: str
    total: Figure | None
    change: Figure | None
    """Change of the total since `change_since_epoch`; signed. Shown whenever the total is."""
    change_since_epoch: int | None
    """The latest epoch at least one day earlier; −1 is the moment of posting; None on the first day."""
    change_span_seconds: int | None
    breakdowns: dict[str, BreakdownFigures]
    removals: dict[str, Figure | None]
    """By reason, since the start."""
    removal_changes: dict[str, Figure]
    """By reason, since `change_since_epoch`; signed. Contains only the shown ones."""
    smoothed: Figure | None = None
    """The total by a model of how counts grow, from all measurements so far; absent where it is not shown."""


class AudienceDocument(Document, frozen=True):
    """The immutable document of one audience: how many accounts were first counted in one period.

    It names the numbers that are shown, and no others. The policy says which cells there are.
    """

    target_id: str
    """The creator, hashtag or sound; `platform` for all videos."""
    kind: str
    """Scope and length of the period: `privacy.model.audience.audience_kind`."""
    epoch: int
    """Number of the period."""
    starts_at_ms: int
    as_of_ms: int
    """End of the period: an account is counted if its like was taken in before it."""
    next_release_at_ms: int | None
    """When the numbers of the next period become visible; None if this was the last one."""
    policy_version: str
    total: Figure | None
    breakdowns: dict[str, BreakdownFigures]
    """By dimension; contains only the shown cells, and only breakdowns that show anything."""


AnyRelease = ReleaseDocument | AudienceDocument
_RELEASE = msgspec.json.Decoder(ReleaseDocument)
_AUDIENCE = msgspec.json.Decoder(AudienceDocument)


def decode_release(raw: bytes) -> AnyRelease:
    """Decode a release of a target, or of an audience.

    Raises:
        msgspec.MsgspecError: it is neither.
    """
    try:
        return _RELEASE.decode(raw)
    except msgspec.ValidationError:
        return _AUDIENCE.decode(raw)


def published_life_ms(release: bytes) -> int:
    """Return how long a canary's release is kept once it is published: past its next one, for a week.

    Args:
        release: the encoded release document.
    """
    times = msgspec.json.decode(release, type=_Times)
    until_next_ms = max(0, (times.next_release_at_ms or times.as_of_ms) - times.as_of_ms)
    return until_next_ms + PUBLISHED_LIFE_MS


def metadata_life_ms(target: TargetDocument) -> int:
    """Return how long the metadata of a canary is kept without a release: past its first one, for a week.

    Args:
        target: the canary; registered no earlier than it starts.
    """
    until_first_ms = max(0, (target.first_release_at_ms or 0) - target.starts_at_ms)
    return until_first_ms + PUBLISHED_LIFE_MS


class _Times(msgspec.Struct, frozen=True):
    """The times of a release document."""

    as_of_ms: int
    next_release_at_ms: int | None


class PointDocument(Document, frozen=True, omit_defaults=True):
    """The part of a release in time series and changes: the fields of `ReleaseDocument` with these names."""

    epoch: int
    as_of_ms: int
    next_release_at_ms: int | None
    total: Figure | None
    change: Figure | None
    change_since_epoch: int | None
    change_span_seconds: int | None
    removals: dict[str, Figure | None]
    removal_changes: dict[str, Figure]
    smoothed: Figure | None = None

    @classmethod
    def from_release(cls, release: ReleaseDocument | PointDocument) -> PointDocument:
        """Return the point of a release, or of what was decoded of one."""
        return cls(*_POINT_FIELDS(release))


_POINT_FIELDS = attrgetter(*PointDocument.__struct_fields__)


class LedgerEntry(Document, frozen=True):
    """An entry of the privacy ledger: a release, its time, its parameters and its cost.

    `previous` is the hash of the previous entry and chains all entries of one target shard.
    """

    shard: int
    sequence: int
    previous: str
    target_id: str
    kind: str
    epoch: int
    as_of_ms: int
    policy_version: str
    policy_digest: str
    rho: str
    """zCDP cost per engagement, as an exact decimal: of the target's whole schedule, without the reserve; or
    of all numbers of one audience."""
    release_sha256: str


CURRENT_VERSION = "current"
"""Stands for the policy version in force; no policy has this name."""
GuaranteeDocument = dict[str, Any]
"""The machine-readable guarantee, computed from a policy by `privacy.mechanism.guarantee`."""
