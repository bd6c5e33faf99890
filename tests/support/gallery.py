"""A gallery with videos in every state that a reader can meet, published by the real publisher."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Final

import msgspec

from privacy.model.audience import Scope
from privacy.model.documents import (
    BreakdownFigures,
    Figure,
    LedgerEntry,
    PointDocument,
    ReleaseDocument,
    TargetDocument,
)
from privacy.model.engagement import Reason
from privacy.model.timestamp import MS_PER_HOUR, parse_timestamp_ms
from privacy.publishing.publisher import Publisher
from privacy.tally.pending_release import PendingRelease
from tests.support.redis_server import Store

POSTED_MS: Final = parse_timestamp_ms("2026-05-03T12:00:00Z")
NOW_MS: Final = POSTED_MS + 26 * MS_PER_HOUR + 60_000
PUBLIC_DELAY_MS: Final = 120_000
VERSION: Final = "2026-11-default"
CELLS: Final = {
    "device": ("android", "ios", "web", "other", "undisclosed"),
    "gender": ("female", "male", "other", "undisclosed"),
}
GUARANTEE: Final[dict[str, Any]] = {
    "version": VERSION,
    "policy_sha256": "0" * 64,
    "unit": {"neighbours": "…", "engagement": "…", "attacker_knows": "…", "kinds_together": []},
    "anonymity": {"k": 20, "hard": True, "measured": ["total"], "derived": ["other"], "in_words": "…"},
    "contribution": {
        "flip_cap": 4,
        "daily_cap": 100,
        "monthly_cap": None,
        "in_force": {"version": VERSION, "daily_cap": 100, "monthly_cap": None},
        "in_words": "…",
    },
    "kinds": {
        kind: {
            "rho": 0.1,
            "audiences_rho": 0,
            "epsilon": [],
            "epsilon_by_accountant": {},
            "histories": [],
            "account_day": [],
            "account_month": [],
            "mechanism": {},
            "attacker": {},
            "statistics": [],
        }
        for kind in ("like", "favorite", "follow")
    },
    "account_month": None,
    "documents": {"claim": "/docs/compliance/claim.md"},
    "creator_schedule": {"epochs": 1, "due_ages_seconds": [86400]},
    "schedule": {"epochs": 26, "due_ages_seconds": [3600 * hour for hour in range(1, 27)]},
    "release": {"public_delay_seconds": 120},
    "audiences": {
        "counted": "…",
        "rho": 0.02,
        "hashtags_per_video": 3,
        "joint_dimensions": {},
        "periods": [
            {
                "scope": scope.value,
                "every_seconds": 86_400,
                "rho": 0.0002,
                "statistics": [{"name": "total", "rho": 0.0002, "sd": 50.0, "threshold": 390}],
                "dimensions": {},
            }
            for scope in Scope
        ],
    },
    "dimensions": {name: list(cells) for name, cells in CELLS.items()},
}
LEDGER_SHARDS: Final = 3
REASONS: Final = tuple(reason.label for reason in Reason)


def target(video_id: str, **changes: Any) -> TargetDocument:
    """A video that was registered when it was posted."""
    document = TargetDocument(
        target_type="video",
        target_id=video_id,
        creator_id="c-12",
        title="Sourdough in 40 seconds",
        hashtags=["baking"],
        sound_id="s-7",
        duration_seconds=40,
        starts_at_ms=POSTED_MS,
        taken_down=None,
        revision=0,
        policy_version=VERSION,
        first_epoch=0,
        first_release_at_ms=POSTED_MS + MS_PER_HOUR + PUBLIC_DELAY_MS,
    )
    return msgspec.structs.replace(document, **changes)


def release(video_id: str, epoch: int, total: Figure | None, **changes: Any) -> ReleaseDocument:
    """A release at the end of an hourly epoch; cells are withheld."""
    span = 24 * 3600 if epoch >= 24 else None
    as_of_ms = POSTED_MS + (epoch + 1) * MS_PER_HOUR
    document = ReleaseDocument(
        target_id=video_id,
        kind="like",
        epoch=epoch,
        as_of_ms=as_of_ms,
        next_release_at_ms=as_of_ms + MS_PER_HOUR + PUBLIC_DELAY_MS,
        policy_version=VERSION,
        total=total,
        change=(total[0] // 2, total[1] // 2, total[2] // 2) if total and span else None,
        change_since_epoch=epoch - 24 if span else None,
        change_span_seconds=span,
        breakdowns={
            name: BreakdownFigures(cells=dict.fromkeys(cells), other=None) for name, cells in CELLS.items()
        },
        removals=dict.fromkeys(REASONS),
        removal_changes={},
    )
    return msgspec.structs.replace(document, **changes)


def publish(
    store: Store, targets: Sequence[TargetDocument], releases: Sequence[ReleaseDocument], shard: int = 1
) -> None:
    """Publish; the releases of all videos make the one chain of a shard that is empty so far."""
    publisher = Publisher(store.publisher)
    publisher.publish_guarantee(VERSION, GUARANTEE, LEDGER_SHARDS)
    publisher.publish_targets(targets)
    written, previous = list[PendingRelease](), ""
    for sequence, document in enumerate(releases):
        encoded = msgspec.json.encode(document)
        entry = msgspec.json.encode(
            LedgerEntry(
                shard=shard,
                sequence=sequence,
                previous=previous,
                target_id=document.target_id,
                kind=document.kind,
                epoch=document.epoch,
                as_of_ms=document.as_of_ms,
                policy_version=VERSION,
                policy_digest="0" * 64,
                rho="0.088",
                release_sha256=sha256(encoded).hexdigest(),
            )
        )
        previous = sha256(entry).hexdigest()
        written.append(
            PendingRelease(
                shard,
                sequence,
                document.target_id,
                document.kind,
                document.epoch,
                encoded,
                msgspec.json.encode(PointDocument.from_release(document)),
                entry,
            )
        )
    publisher.publish_releases(written)


def publish_every_state(store: Store) -> None:
    """Publish the usual gallery.

    `shown` has 26 releases with numbers; `few` and `nil` have 26 without any, liked by few and by no one;
    `new` has none yet; `late` was registered after its last epoch; `sealed` has its last one. `maker` is a
    creator with 26.
    """
    device = BreakdownFigures(
        cells={
            "android": (842, 781, 903),
            "ios": (391, 330, 452),
            "web": None,
            "other": None,
            "undisclosed": None,
        },
        other=(51, 12, 90),
    )
    shown = [release("shown", epoch, (1000 + epoch, 950, 1050 + epoch)) for epoch in range(25)]
    shown.append(
        release(
            "shown",
            25,
            (1284, 1249, 1319),
            breakdowns=release("", 25, None).breakdowns | {"device": device},
            smoothed=(1279, 1254, 1304),
        )
    )
    withheld = [release(video_id, epoch, None) for video_id in ("few", "nil") for epoch in range(26)]
    publish(
        store,
        [
            target("shown"),
            target("few"),
            target("nil", title=None, hashtags=[]),
            target("new", starts_at_ms=NOW_MS, first_release_at_ms=NOW_MS + MS_PER_HOUR + PUBLIC_DELAY_MS),
            target("late", starts_at_ms=0, first_epoch=None, first_release_at_ms=None),
            target("sealed"),
            target("maker", target_type="creator", creator_id=None),
        ],
        [
            *shown,
            *withheld,
            release("sealed", 25, (70, 60, 80), next_release_at_ms=None),
            *(release("maker", epoch, (1284, 1249, 1319), kind="follow") for epoch in range(26)),
        ],
    )
