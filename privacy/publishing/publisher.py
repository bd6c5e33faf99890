"""Writes releases and other documents to the gallery, each release once. `privacy.gallery` reads them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
from redis import Redis
from redis.client import Pipeline

from privacy.errors import StoreError
from privacy.model.documents import (
    GuaranteeDocument,
    TargetDocument,
    metadata_life_ms,
    published_life_ms,
)
from privacy.model.engagement import Kind
from privacy.model.sandbox import is_canary
from privacy.store.connect import translated
from privacy.store.keys import VIDEO_LISTS, gallery_key, gallery_series_keys, gallery_shard
from privacy.store.script import Script, ScriptCall
from privacy.store.video_lists import hashtag_key, list_memberships

if TYPE_CHECKING:
    # The platform plane publishes targets, and its image carries nothing of the tally.
    from privacy.tally.pending_release import PendingRelease

_PUBLISH = Script.from_package("privacy.publishing", "write_once.lua", "publish.lua")
_PUBLISH_FIELDS = Script.from_package("privacy.publishing", "write_once.lua", "publish_fields.lua")
_PUBLISH_TARGET = Script.from_package("privacy.publishing", "publish_target.lua")
_ENCODE = msgspec.json.Encoder().encode
_DECODE = msgspec.json.Decoder(TargetDocument).decode


@dataclass(frozen=True)
class Publisher:
    """Writes the gallery. Every call may be repeated, also by another publisher, and then changes nothing.

    Args:
        client: must have the publisher ACL user.
    """

    client: Redis

    def publish_targets(self, targets: Sequence[TargetDocument]) -> None:
        """Write public metadata, never over a newer revision. Lists of videos only grow.

        What names a canary expires a week after its first release would be visible, unless there is one.

        Raises:
            StoreBusyError: the gallery did not confirm; call again.
        """
        calls = [
            ScriptCall(
                [gallery_key("target", target.target_type, target.target_id)],
                [target.revision, _ENCODE(target)],
            )
            for target in targets
        ]
        pipeline = self.client.pipeline(transaction=False)
        for target in targets:
            for videos in list_memberships(target):
                pipeline.zadd(videos.key, {target.target_id: target.declared_start_ms})
            for hashtag in () if is_canary(target.target_id) else target.hashtags:
                pipeline.set(hashtag_key(hashtag), hashtag, nx=True)
            if is_canary(target.target_id):
                _lengthen_life(pipeline, _names_of(target), metadata_life_ms(target))
        with translated():
            _PUBLISH_TARGET.run_all(self.client, calls)
            pipeline.execute()

    def has_video_lists(self) -> bool:
        """Return whether the lists of videos hold those that were registered before there were lists.

        Raises:
            StoreBusyError: the gallery did not answer.
        """
        with translated():
            return self.client.get(VIDEO_LISTS) is not None

    def note_video_lists(self) -> None:
        """Note that they do.

        Raises:
            StoreBusyError: the gallery did not confirm; call again.
        """
        with translated():
            self.client.set(VIDEO_LISTS, 1)

    def publish_releases(self, releases: Sequence[PendingRelease]) -> None:
        """Write releases and their ledger entries; the latest release of each series becomes its current one.

        Entries are written after them, so that each entry in the gallery has its release there. Of canaries,
        everything but the entries expires. Audiences that show anything are listed in the ranking of their
        period, except those of canaries.

        Raises:
            StoreBusyError: the gallery did not confirm; call again.
            StoreError: the gallery holds other bytes for a release or an entry: nothing is replaced.
        """
        chains: dict[int, list[str | bytes | int]] = {}
        shards: dict[int, tuple[list[str], list[str | bytes | int]]] = {}
        for release in releases:
            chains.setdefault(release.shard, []).extend((release.sequence, release.ledger_entry))
            if release.point is None:
                continue
            keys, arguments = shards.setdefault(gallery_shard(release.target_id), ([], []))
            keys += gallery_series_keys(release.target_id, release.kind)
            arguments += [release.epoch, release.release, release.point]
        self._write_once(_PUBLISH, [ScriptCall(*shard) for shard in shards.values()])
        self._publish_audiences([release for release in releases if release.point is None])
        self._write_once(
            _PUBLISH_FIELDS,
            [ScriptCall([gallery_key("ledger", shard)], entries) for shard, entries in chains.items()],
        )

        self._limit_life(releases)

    def _publish_audiences(self, audiences: Sequence[PendingRelease]) -> None:
        fields: dict[str, list[str | bytes | int]] = {}
        for audience in audiences:
            key = gallery_key("releases", audience.target_id, audience.kind)
            fields.setdefault(key, []).extend((audience.epoch, audience.release))
        for audience in audiences:
            if audience.is_ranked and not is_canary(audience.target_id):
                key = gallery_key("rankings", audience.kind, audience.epoch)
                fields.setdefault(key, []).extend((audience.target_id, audience.release))
        self._write_once(_PUBLISH_FIELDS, [ScriptCall([key], values) for key, values in fields.items()])

    def _limit_life(self, releases: Sequence[PendingRelease]) -> None:
        """Let what is published about canaries expire, a week after their latest release."""
        latest = {
            (release.target_id, release.kind): release for release in releases if is_canary(release.target_id)
        }
        if not latest:
            return
        pipeline = self.client.pipeline(transaction=False)
        for (target_id, kind), release in latest.items():
            if release.point is not None:  # an audience has no metadata
                pipeline.get(gallery_key("target", Kind[kind.upper()].target_type.value, target_id))
        with translated():
            stored = iter(pipeline.execute())
            for (target_id, kind), release in latest.items():
                if release.point is None:
                    names = [gallery_key("releases", target_id, kind)]
                else:
                    document = next(stored)
                    names = [
                        *gallery_series_keys(target_id, kind),
                        *(_names_of(_DECODE(document)) if document else ()),
                    ]
                _lengthen_life(pipeline, names, published_life_ms(release.release))
            pipeline.execute()

    def _write_once(self, script: Script, calls: Sequence[ScriptCall]) -> None:
        """Write what the gallery lacks, and check that what it holds already is the same."""
        with translated():
            refused = [location for location in script.run_all(self.client, calls) if location]
        if refused:
            raise StoreError(
                f"gallery: {refused[0].decode()} holds other bytes; what is published is never replaced"
            )

    def publish_other_guarantee(self, version: str, guarantee: GuaranteeDocument) -> None:
        """Write the machine-readable guarantee of an earlier version or a sandbox: it is not the current one.

        Raises:
            StoreBusyError: the gallery did not confirm; call again.
        """
        with translated():
            self.client.set(gallery_key("guarantee", version), _ENCODE(guarantee))

    def publish_guarantee(self, version: str, guarantee: GuaranteeDocument, ledger_shards: int) -> None:
        """Write the machine-readable guarantee of a policy version, and make it the current one.

        Raises:
            StoreBusyError: the gallery did not confirm; call again.
        """
        pipeline = self.client.pipeline(transaction=False)
        pipeline.set(gallery_key("guarantee", version), _ENCODE(guarantee))
        pipeline.set(gallery_key("guarantee", "current"), version)
        pipeline.set(gallery_key("ledger", "shards"), ledger_shards)
        with translated():
            pipeline.execute()


def _names_of(target: TargetDocument) -> list[str]:
    """Returns the keys that name a target: its metadata and the lists of videos that it is in."""
    key = gallery_key("target", target.target_type, target.target_id)
    return [key, *(videos.key for videos in list_memberships(target))]


def _lengthen_life(pipeline: Pipeline, names: Iterable[str], life_ms: int) -> None:
    """Lets keys expire no earlier than after this time; canaries may share one."""
    for name in names:
        pipeline.pexpire(name, life_ms, nx=True)
        pipeline.pexpire(name, life_ms, gt=True)
