"""Which targets exist: public metadata, the number of each target, and the start of its series."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import groupby
from typing import TYPE_CHECKING, cast
from zlib import crc32

import msgspec

from privacy.errors import NotFoundError, StoreBusyError
from privacy.model.documents import TargetDocument
from privacy.model.engagement import KINDS_PER_TARGET, TargetType
from privacy.policy.policy import Policy
from privacy.store.connect import translated
from privacy.store.keys import tally_key, tally_prefix
from privacy.store.script import Script, ScriptCall

if TYPE_CHECKING:
    from redis import Redis


@dataclass(frozen=True)
class TargetMetadata:
    """Public metadata of one video or creator; checked by the schema at the door of the platform plane.

    Args:
        target_type: video or creator.
        target_id: its identifier, among those of its type.
        starts_at_ms: start of its schedule: when a video was posted, from when on a creator is counted.
        creator_id: who posted a video.
        title: of a video; the name of a creator.
        hashtags: of a video.
        sound_id: of a video.
        duration_seconds: of a video.
    """

    target_type: TargetType
    target_id: str
    starts_at_ms: int
    creator_id: str | None = None
    title: str | None = None
    hashtags: tuple[str, ...] = ()
    sound_id: str | None = None
    duration_seconds: int | None = None


_REGISTER = Script.packaged("privacy.catalogue", "register.lua")
_REPLACE = Script.packaged("privacy.catalogue", "replace.lua")
_DECODE = msgspec.json.Decoder(TargetDocument).decode
_ATTEMPTS = 10


class Registration(Enum):
    """What became of one target that was registered."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    CONFLICT = "conflict"
    """The start differs from what is stored: the schedule hangs on it, so it never changes."""


@dataclass(frozen=True)
class Target:
    """What intake needs to know of a registered target."""

    number: int
    starts_at_ms: int
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
    _known: dict[TargetType, dict[str, Target]] = field(default_factory=dict, init=False, repr=False)

    def register(self, targets: Sequence[TargetMetadata], now_ms: int) -> list[Registration]:
        """Register targets or update their metadata, and publish them. Repeating a call changes nothing.

        Args:
            targets: of one type; distinct or not; the first one of an id decides when it starts.
            now_ms: the running epoch at this moment is a new target's first one.

        Returns:
            What became of each, in order.

        Raises:
            StoreBusyError: the store did not confirm; send again.
        """
        outcomes = [Registration.UNCHANGED] * len(targets)
        documents: list[TargetDocument] = []
        for shard, places in self._by_shard([target.target_id for target in targets]):
            asked = [self._document(targets[place], now_ms) for place in places]
            target_type = TargetType(asked[0].target_type)
            with translated():
                stored = _REGISTER.run(self.client, self._register_call(shard, target_type, asked))
            standing: dict[str, TargetDocument] = {}
            records: dict[str, bytes] = {}
            for place, document, record in zip(places, asked, stored, strict=True):
                before = standing.get(document.target_id) or (_target_document(record) if record else None)
                outcomes[place], standing[document.target_id] = _reconcile(document, before)
                if outcomes[place] is Registration.UPDATED and record:
                    records.setdefault(document.target_id, record)
            documents += standing.values()
            if not self._replace(shard, target_type, [(records[name], standing[name]) for name in records]):
                raise StoreBusyError("a target is being changed by others")
        self.publish(documents)
        return outcomes

    def take_down(self, target_type: TargetType, target_id: str, reason: str | None) -> bool:
        """Show nothing of a target any more, for a reason, or show it again. Its counts go on either way.

        Returns:
            Whether anything changed.

        Raises:
            NotFoundError: it is not registered.
            StoreBusyError: the store did not confirm, or others kept changing the target; do it again.
        """
        shard = target_shard(target_id, self.target_shards)
        for _ in range(_ATTEMPTS):
            with translated():
                record = cast("bytes | None", self.client.hget(_records(shard, target_type), target_id))
            if record is None:
                raise NotFoundError(f"there is no {target_type.value} {target_id}")
            before = _target_document(record)
            changed = before.taken_down != reason
            after = msgspec.structs.replace(before, taken_down=reason, revision=before.revision + changed)
            if self._replace(shard, target_type, [(record, after)]):
                self.publish([after])
                return changed
        raise StoreBusyError("the target is being changed by others")

    def lookup(self, target_type: TargetType, target_ids: Iterable[str]) -> Mapping[str, Target]:
        """Find targets of one type; the answer lacks ids that are not registered, and may hold others.

        What was found once is remembered: number, start and policy of a target never change.

        Raises:
            StoreBusyError: the store did not answer.
        """
        wanted = set(target_ids)
        known = self._known.get(target_type, {})
        missing = sorted(wanted - known.keys())
        if not missing:
            return known
        found = {name: known[name] for name in wanted if name in known}
        for shard, places in self._by_shard(missing):
            ids = [missing[place] for place in places]
            with translated():
                records = cast("list[bytes | None]", self.client.hmget(_records(shard, target_type), ids))
            found |= {name: _target(record) for name, record in zip(ids, records, strict=True) if record}
        self._remember(target_type, {name: found[name] for name in missing if name in found})
        return found

    def _remember(self, target_type: TargetType, targets: Mapping[str, Target]) -> None:
        known = self._known.setdefault(target_type, {})
        if len(known) + len(targets) > MAX_REMEMBERED:
            known = self._known[target_type] = {}  # not emptied: others may be looking at the former one
        known.update(targets)

    def _by_shard(self, target_ids: Sequence[str]) -> Iterator[tuple[int, list[int]]]:
        def shard_of(place: int) -> int:
            return target_shard(target_ids[place], self.target_shards)

        for shard, places in groupby(sorted(range(len(target_ids)), key=shard_of), key=shard_of):
            yield shard, list(places)

    def _replace(
        self, shard: int, target_type: TargetType, changes: Sequence[tuple[bytes, TargetDocument]]
    ) -> bool:
        """Replace records that nobody else has changed in between; whether all were."""
        if not changes:
            return True
        arguments: list[str | bytes] = []
        for record, document in changes:
            number = record.partition(b" ")[0]
            arguments += [document.target_id, record, number + b" " + _encode(document)]
        with translated():
            replaced = _REPLACE.run(self.client, ScriptCall([_records(shard, target_type)], arguments))
        return all(replaced)

    def _document(self, target: TargetMetadata, now_ms: int) -> TargetDocument:
        # All kinds of one type of target share a schedule.
        creator = target.target_type is TargetType.CREATOR
        schedule = self.policy.creator_schedule if creator else self.policy.schedule
        epoch = schedule.first_open_epoch(target.starts_at_ms, now_ms)
        return TargetDocument(
            target_type=target.target_type.value,
            target_id=target.target_id,
            creator_id=target.creator_id,
            title=target.title,
            hashtags=list(target.hashtags),
            sound_id=target.sound_id,
            duration_seconds=target.duration_seconds,
            starts_at_ms=target.starts_at_ms,
            taken_down=None,
            revision=0,
            policy_version=self.policy.version,
            first_epoch=epoch,
            first_due_ms=None if epoch is None else schedule.due_ms(target.starts_at_ms, epoch),
        )

    def _register_call(
        self, shard: int, target_type: TargetType, documents: Sequence[TargetDocument]
    ) -> ScriptCall:
        kinds = ",".join(str(int(kind)) for kind in self.policy.kinds_of(target_type))
        arguments: list[str | bytes | int] = [
            tally_prefix(shard, "series"),
            shard,
            self.target_shards,
            KINDS_PER_TARGET,
            kinds,
        ]
        for document in documents:
            epoch, due_ms = document.first_epoch, document.first_due_ms
            arguments += [
                document.target_id,
                _encode(document),
                "" if epoch is None else epoch,
                "" if due_ms is None else due_ms,
                document.starts_at_ms,
                document.policy_version,
            ]
        keys = [_records(shard, target_type), *(tally_key(shard, name) for name in ("targets", "due"))]
        return ScriptCall(keys, arguments)


MAX_REMEMBERED = 1_000_000
"""Targets of one type that one intake process remembers, about 200 MB; past it all are asked for again."""


def target_shard(target_id: str, target_shards: int) -> int:
    """The shard that holds a target's counters."""
    return crc32(target_id.encode()) % target_shards


def _records(shard: int, target_type: TargetType) -> str:
    return tally_key(shard, f"{target_type.value}s")


def _target(record: bytes) -> Target:
    target = _target_document(record)
    return Target(int(record.partition(b" ")[0]), target.starts_at_ms, target.policy_version)


def _target_document(record: bytes) -> TargetDocument:
    return _DECODE(record.partition(b" ")[2])


def _encode(document: TargetDocument) -> bytes:
    return msgspec.json.encode(document)


def _reconcile(asked: TargetDocument, stored: TargetDocument | None) -> tuple[Registration, TargetDocument]:
    """Compare what was asked with what is stored: what becomes of it, and the document that stands."""
    if stored is None:
        return Registration.CREATED, asked
    if stored.starts_at_ms != asked.starts_at_ms:
        return Registration.CONFLICT, stored
    updated = msgspec.structs.replace(
        asked,
        policy_version=stored.policy_version,
        first_epoch=stored.first_epoch,
        first_due_ms=stored.first_due_ms,
        taken_down=stored.taken_down,
        revision=stored.revision,
    )
    if updated == stored:
        return Registration.UNCHANGED, stored
    return Registration.UPDATED, msgspec.structs.replace(updated, revision=stored.revision + 1)
