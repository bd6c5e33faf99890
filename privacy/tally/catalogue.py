"""Which targets exist: public metadata, the number of each target, and the start of its series."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from itertools import groupby
from typing import TYPE_CHECKING, cast
from zlib import crc32

import msgspec

from privacy.gallery.documents import TargetDocument
from privacy.model.engagement import KINDS_A_TARGET
from privacy.store.connect import translated
from privacy.store.keys import tally_key, tally_prefix
from privacy.store.script import Script, ScriptCall

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from redis import Redis

    from privacy.policy import Policy
    from privacy.tally.video import VideoMetadata

_REGISTER = Script.packaged("privacy.tally", "register.lua")
_DECODE = msgspec.json.Decoder(TargetDocument).decode


class Registration(Enum):
    """What became of one video that was registered."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    CONFLICT = "conflict"
    """`posted_at` differs from what is stored: the schedule hangs on it, so it never changes."""


@dataclass(frozen=True)
class Target:
    """What intake needs to know of a registered video."""

    number: int
    posted_at_ms: int
    policy_version: str


@dataclass(frozen=True)
class Catalogue:
    """Registers and finds targets.

    Args:
        client: connection with the platform plane's credentials.
        target_shards: number of target shards of this store.
        policy: what new targets are bound to.
        publish: copies documents to the gallery; idempotent.
    """

    client: Redis
    target_shards: int
    policy: Policy
    publish: Callable[[Sequence[TargetDocument]], None]
    _known: dict[str, Target] = field(default_factory=dict, init=False, repr=False)

    def register(self, videos: Sequence[VideoMetadata], now_ms: int) -> list[Registration]:
        """Register videos or update their metadata, and publish them. Repeating a call changes nothing.

        Args:
            videos: distinct or not; the first one of an id decides `posted_at`.
            now_ms: the running epoch at this moment is a new target's first one.

        Returns:
            What became of each, in order.

        Raises:
            StoreBusyError: the store did not confirm; send again.
        """
        outcomes = [Registration.UNCHANGED] * len(videos)
        documents: list[TargetDocument] = []
        for shard, places in self._by_shard([video.video_id for video in videos]):
            asked = [self._document(videos[place], now_ms) for place in places]
            with translated():
                stored = _REGISTER.run(self.client, self._register_call(shard, asked))
            changed: list[str] = []
            standing: dict[str, TargetDocument] = {}
            for place, document, record in zip(places, asked, stored, strict=True):
                before = standing.get(document.video_id) or (_target_document(record) if record else None)
                outcomes[place], standing[document.video_id] = _reconcile(document, before)
                if outcomes[place] is Registration.UPDATED:
                    number = record.partition(b" ")[0].decode()
                    changed += [document.video_id, f"{number} {_encode(standing[document.video_id])}"]
            documents += standing.values()
            if changed:
                with translated():
                    self.client.hset(tally_key(shard, "videos"), items=changed)
        self.publish(documents)
        return outcomes

    def lookup(self, video_ids: Iterable[str]) -> Mapping[str, Target]:
        """Find targets; ids that are not registered are absent from the answer.

        What was found once is remembered: number, `posted_at` and policy of a target never change.

        Raises:
            StoreBusyError: the store did not answer.
        """
        wanted = set(video_ids)
        found = {video_id: target for video_id in wanted if (target := self._known.get(video_id))}
        missing = sorted(wanted - found.keys())
        for shard, places in self._by_shard(missing):
            ids = [missing[place] for place in places]
            with translated():
                records = cast("list[bytes | None]", self.client.hmget(tally_key(shard, "videos"), ids))
            found |= {
                video_id: _target(record) for video_id, record in zip(ids, records, strict=True) if record
            }
        self._remember({video_id: found[video_id] for video_id in missing if video_id in found})
        return found

    def _remember(self, targets: Mapping[str, Target]) -> None:
        if len(self._known) + len(targets) > MAX_REMEMBERED:
            self._known.clear()
        self._known.update(targets)

    def _by_shard(self, video_ids: Sequence[str]) -> Iterator[tuple[int, list[int]]]:
        def shard_of(place: int) -> int:
            return target_shard(video_ids[place], self.target_shards)

        for shard, places in groupby(sorted(range(len(video_ids)), key=shard_of), key=shard_of):
            yield shard, list(places)

    def _document(self, video: VideoMetadata, now_ms: int) -> TargetDocument:
        epoch = self.policy.schedule.first_open_epoch(video.posted_at_ms, now_ms)
        return TargetDocument(
            video_id=video.video_id,
            creator_id=video.creator_id,
            title=video.title,
            hashtags=list(video.hashtags),
            sound_id=video.sound_id,
            duration_seconds=video.duration_seconds,
            posted_at_ms=video.posted_at_ms,
            policy_version=self.policy.version,
            first_epoch=epoch,
            first_due_ms=None if epoch is None else self.policy.schedule.due_ms(video.posted_at_ms, epoch),
        )

    def _register_call(self, shard: int, documents: Sequence[TargetDocument]) -> ScriptCall:
        kinds = ",".join(str(int(kind)) for kind in self.policy.budgets)
        arguments: list[str | int] = [
            tally_prefix(shard, "series"),
            shard,
            self.target_shards,
            KINDS_A_TARGET,
            kinds,
        ]
        for document in documents:
            epoch, due_ms = document.first_epoch, document.first_due_ms
            arguments += [
                document.video_id,
                _encode(document),
                "" if epoch is None else epoch,
                "" if due_ms is None else due_ms,
                document.posted_at_ms,
                document.policy_version,
            ]
        return ScriptCall([tally_key(shard, name) for name in ("videos", "targets", "due")], arguments)


MAX_REMEMBERED = 1_000_000
"""Targets that one intake process remembers, about 200 MB; past it all are asked for again."""


def target_shard(video_id: str, target_shards: int) -> int:
    """The shard that holds a target's counters."""
    return crc32(video_id.encode()) % target_shards


def _target(record: bytes) -> Target:
    target = _target_document(record)
    return Target(int(record.partition(b" ")[0]), target.posted_at_ms, target.policy_version)


def _target_document(record: bytes) -> TargetDocument:
    return _DECODE(record.partition(b" ")[2])


def _encode(document: TargetDocument) -> str:
    return msgspec.json.encode(document).decode()


def _reconcile(asked: TargetDocument, stored: TargetDocument | None) -> tuple[Registration, TargetDocument]:
    """Compare what was asked with what is stored: what becomes of it, and the document that stands."""
    if stored is None:
        return Registration.CREATED, asked
    if stored.posted_at_ms != asked.posted_at_ms:
        return Registration.CONFLICT, stored
    updated = msgspec.structs.replace(
        asked,
        policy_version=stored.policy_version,
        first_epoch=stored.first_epoch,
        first_due_ms=stored.first_due_ms,
    )
    return (Registration.UNCHANGED if updated == stored else Registration.UPDATED), updated
