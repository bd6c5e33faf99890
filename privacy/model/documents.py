"""What the gallery holds: documents about targets and releases, which know no person.

Both sides of the wall share these shapes: the release side writes them (`publisher`), the public side reads
them (`reader`). They are JSON; releases and ledger entries are written once and byte-identical for ever
after.
"""

from __future__ import annotations

from typing import Any

import msgspec

Figure = tuple[int, int, int]
"""A published number: value, and the lower and upper end of its 95 % interval."""


class Document(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """Base of all documents: immutable, and strict when read."""


class TargetDocument(Document, frozen=True):
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
    """Start of its schedule: when a video was posted, from when on a creator is counted."""
    taken_down: str | None
    """Why nothing of it is shown now; None while it is shown."""
    revision: int
    """Counts its changes: an older document never replaces a newer one."""
    policy_version: str
    first_epoch: int | None
    """The epoch that was running at registration."""
    first_due_ms: int | None
    """When the first epoch after registration ends; None for a target registered after its last epoch."""


class BreakdownFigures(Document, frozen=True):
    """One breakdown of a release. A withheld number is null, whatever the reason behind."""

    cells: dict[str, Figure | None]
    other: Figure | None


class ReleaseDocument(Document, frozen=True):
    """The immutable document of one target and kind at one epoch."""

    target_id: str
    kind: str
    epoch: int
    as_of_ms: int
    """When the epoch ended by its schedule."""
    cutoff_ms: int
    """When the counts were cut, to the minute; after `as_of_ms` when the release worker was late."""
    next_release_at_ms: int | None
    policy_version: str
    total: Figure | None
    change: Figure | None
    """Change of the total since `change_since_epoch`; signed. Shown where the total is."""
    change_since_epoch: int | None
    """The latest epoch at least a day before; −1 is the moment of posting; None in a target's first day."""
    change_span_seconds: int | None
    breakdowns: dict[str, BreakdownFigures]
    removals: dict[str, Figure | None]
    """By reason, since the start."""
    removal_changes: dict[str, Figure]
    """By reason, since `change_since_epoch`; signed. Only those that are shown."""


class PointDocument(Document, frozen=True):
    """What time series and changes show of a release: the fields of `ReleaseDocument` of the same names."""

    epoch: int
    as_of_ms: int
    next_release_at_ms: int | None
    total: Figure | None
    change: Figure | None
    change_since_epoch: int | None
    change_span_seconds: int | None
    removals: dict[str, Figure | None]
    removal_changes: dict[str, Figure]

    @classmethod
    def from_release(cls, release: ReleaseDocument) -> PointDocument:
        """Return the point of a release."""
        return cls(*(getattr(release, name) for name in cls.__struct_fields__))


class LedgerEntry(Document, frozen=True):
    """One line of the privacy ledger: what was released, when, with which parameters, at which cost.

    `previous` and the entry's own hash chain all entries of one target shard.
    """

    shard: int
    sequence: int
    previous: str
    target_id: str
    kind: str
    epoch: int
    as_of_ms: int
    cutoff_ms: int
    policy_version: str
    policy_digest: str
    rho: str
    """zCDP cost of this target's whole schedule, per engagement, without the reserve: exact decimal."""
    release_sha256: str


GuaranteeDocument = dict[str, Any]
"""The machine-readable guarantee, computed from a policy by `privacy.mechanism.guarantee`."""
