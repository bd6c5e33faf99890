"""Registers targets: stores their public metadata, assigns their numbers and starts their series."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import groupby
from typing import cast

import msgspec
from redis import Redis

from privacy.catalogue.audiences import AudienceRegistration
from privacy.errors import NotFoundError, StoreBusyError
from privacy.model.documents import TargetDocument
from privacy.model.engagement import KINDS_PER_TARGET, TargetType
from privacy.policy.audience_groups import find_slice_seconds
from privacy.policy.policy import Policy
from privacy.policy.schedule import Schedule
from privacy.store.connect import translated
from privacy.store.keys import retired_policies_key, tally_key, tally_prefix, target_shard
from privacy.store.script import Script, ScriptCall


@dataclass(frozen=True)
class TargetMetadata:
    """Public metadata of one video or creator, validated by the schemas of the platform plane.

    Args:
        target_type: video or creator.
        target_id: identifier, unique among targets of its type.
        starts_at_ms: time of posting of a video, start of counting of a creator. The schedule starts then,
            unless a video is registered later than its policy allows for.
        creator_id: creator of a video.
        title: title of a video, name of a creator.
        hashtags: hashtags of a video.
        sound_id: sound of a video.
        duration_seconds: duration of a video.
    """

    target_type: TargetType
    target_id: str
    starts_at_ms: int
    creator_id: str | None = None
    title: str | None = None
    hashtags: tuple[str, ...] = ()
    sound_id: str | None = None
    duration_seconds: int | None = None


_REGISTER = Script.from_package("privacy.catalogue", "register.lua")
_REPLACE = Script.from_package("privacy.catalogue", "replace.lua")
_DECODE = msgspec.json.Decoder(TargetDocument).decode
_ATTEMPTS = 10


class Registration(Enum):
    """The outcome of registering one target."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    CONFLICT = "conflict"
    """The declared start differs from the stored one, which never changes."""


@dataclass(frozen=True)
class Target:
    """The properties of a registered target that intake needs; they never change.

    Args:
        number: its number.
        starts_at_ms: start of its schedule.
        policy_version: the policy that it is bound to.
        first_release_at_ms: when its first release is visible; 0 for a target that has none.
        slice_seconds: length of the slices in which its likes count in audiences; 0 if they count in none.
    """

    number: int
    starts_at_ms: int
    policy_version: str
    first_release_at_ms: int = 0
    slice_seconds: int = 0


@dataclass(frozen=True)
class Catalogue:
    """Registers and looks up targets.

    Args:
        client: must have the platform ACL user.
        target_shards: number of target shards of this store.
        policy: the policy that new targets are bound to.
        publish: copies documents to the gallery; idempotent.
        require_limits: raises an error where this process knows other limits than those in force, which
            accept no events about its targets; None for a caller that made sure of it.
        require_store: makes sure that the store is the one that the process began with, before a target is
            called unknown; None for a tool.
    """

    client: Redis
    target_shards: int
    policy: Policy
    publish: Callable[[Sequence[TargetDocument]], None]
    require_limits: Callable[[], None] | None = None
    require_store: Callable[[], None] | None = None
    _cache: dict[TargetType, dict[str, Target]] = field(default_factory=dict, init=False, repr=False)

    def register(self, targets: Sequence[TargetMetadata], now_ms: int) -> list[Registration]:
        """Register targets or update their metadata, and publish them. Idempotent.

        Args:
            targets: targets of one type, possibly repeated; the first one of an id determines its start.
            now_ms: the epoch running now is the first one of a new target. A new video that was posted too
                long ago starts its schedule now.

        Returns:
            The outcome of each target, in order.

        Raises:
            LimitsError: the limits of this process are not in force.
            StoreBusyError: the store did not confirm; call again.
        """
        if self.require_limits:
            self.require_limits()
        audiences = self._start_audiences(targets, now_ms)
        outcomes = [Registration.UNCHANGED] * len(targets)
        documents: list[TargetDocument] = []
        for shard, indices in self._group_by_shard([target.target_id for target in targets]):
            requested = [self._build_document(targets[index], now_ms) for index in indices]
            target_type = TargetType(requested[0].target_type)
            with translated():
                call = self._build_register_call(shard, target_type, requested, audiences)
                stored = _REGISTER.run(self.client, call)
            current: dict[str, TargetDocument] = {}
            records: dict[str, bytes] = {}
            for index, document, record in zip(indices, requested, stored, strict=True):
                before = current.get(document.target_id) or (parse_document(record) if record else None)
                outcomes[index], current[document.target_id] = _reconcile(document, before)
                if outcomes[index] is Registration.UPDATED and record:
                    records.setdefault(document.target_id, record)
            documents += current.values()
            if not self._replace(shard, target_type, [(records[name], current[name]) for name in records]):
                raise StoreBusyError("a target is being changed by another process")
        self.publish(documents)
        return outcomes

    def take_down(self, target_type: TargetType, target_id: str, reason: str | None) -> bool:
        """Hide a target for a reason, or show it again for None. Counting continues either way.

        Returns:
            Whether the target changed.

        Raises:
            NotFoundError: it is not registered.
            StoreBusyError: the store did not confirm, or others kept changing the target; call again.
        """
        shard = target_shard(target_id, self.target_shards)
        for _ in range(_ATTEMPTS):
            with translated():
                record = cast("bytes | None", self.client.hget(_records_key(shard, target_type), target_id))
            if record is None:
                raise NotFoundError(f"there is no {target_type.value} {target_id}")
            before = parse_document(record)
            changed = before.taken_down != reason
            after = msgspec.structs.replace(before, taken_down=reason, revision=before.revision + changed)
            if self._replace(shard, target_type, [(record, after)]):
                self.publish([after])
                return changed
        raise StoreBusyError("the target is being changed by another process")

    def lookup(self, target_type: TargetType, target_ids: Iterable[str]) -> Mapping[str, Target]:
        """Look up targets of one type. The result lacks unregistered ids, and may contain other targets.

        Results are cached, because number, start and policy of a target never change.

        Raises:
            StoreLostError: one is unregistered, and the store has lost its data.
            StoreBusyError: the store did not answer.
        """
        wanted = set(target_ids)
        if not wanted <= (found := self._find(target_type, wanted)).keys() and self.require_store:
            self.require_store()
        return found

    def _find(self, target_type: TargetType, wanted: set[str]) -> Mapping[str, Target]:
        known = self._cache.get(target_type, {})
        missing = sorted(wanted - known.keys())
        if not missing:
            return known
        found = {name: known[name] for name in wanted if name in known}
        for shard, indices in self._group_by_shard(missing):
            ids = [missing[index] for index in indices]
            with translated():
                records = cast("list[bytes | None]", self.client.hmget(_records_key(shard, target_type), ids))
            found |= {
                name: _parse_target(record) for name, record in zip(ids, records, strict=True) if record
            }
        self._add_to_cache(target_type, {name: found[name] for name in missing if name in found})
        return found

    def _start_audiences(self, targets: Sequence[TargetMetadata], now_ms: int) -> Mapping[str, str]:
        """Start what new videos count in; returns by their id their audiences, as `format_audiences`."""
        registration = AudienceRegistration(self.client, self.target_shards, self.policy)
        videos = {target.target_id: target for target in reversed(targets)}  # the first one of an id counts
        if not registration.groups or TargetType.VIDEO not in {target.target_type for target in targets}:
            return {}
        known = self._find(TargetType.VIDEO, set(videos))
        new = [self._build_document(videos[name], now_ms) for name in videos if name not in known]
        return registration.start(new, now_ms)

    def _add_to_cache(self, target_type: TargetType, targets: Mapping[str, Target]) -> None:
        known = self._cache.setdefault(target_type, {})
        if len(known) + len(targets) > MAX_CACHED_TARGETS:
            known = self._cache[target_type] = {}  # not cleared: callers may hold the former one
        known.update(targets)

    def _group_by_shard(self, target_ids: Sequence[str]) -> Iterator[tuple[int, list[int]]]:
        def shard_of(index: int) -> int:
            return target_shard(target_ids[index], self.target_shards)

        for shard, indices in groupby(sorted(range(len(target_ids)), key=shard_of), key=shard_of):
            yield shard, list(indices)

    def _replace(
        self, shard: int, target_type: TargetType, changes: Sequence[tuple[bytes, TargetDocument]]
    ) -> bool:
        """Replace records unless another process has changed them; returns whether all were replaced."""
        if not changes:
            return True
        arguments: list[str | bytes] = []
        for record, document in changes:
            number = record.partition(b" ")[0]
            arguments += [document.target_id, record, number + b" " + msgspec.json.encode(document)]
        with translated():
            replaced = _REPLACE.run(self.client, ScriptCall([_records_key(shard, target_type)], arguments))
        return all(replaced)

    def _build_document(self, target: TargetMetadata, now_ms: int) -> TargetDocument:
        schedule = self._schedule_of(target.target_type)
        is_late = target.target_type is TargetType.VIDEO and self.policy.intake.is_late(
            target.starts_at_ms, now_ms
        )
        starts_at_ms = now_ms // 1000 * 1000 if is_late else target.starts_at_ms
        epoch = schedule.first_open_epoch(starts_at_ms, now_ms)
        due_ms = None if epoch is None else schedule.due_ms(starts_at_ms, epoch)
        return TargetDocument(
            target_type=target.target_type.value,
            target_id=target.target_id,
            creator_id=target.creator_id,
            title=target.title,
            hashtags=list(target.hashtags),
            sound_id=target.sound_id,
            duration_seconds=target.duration_seconds,
            starts_at_ms=starts_at_ms,
            taken_down=None,
            revision=0,
            policy_version=self.policy.version,
            first_epoch=epoch,
            first_release_at_ms=None if due_ms is None else due_ms + self.policy.public_delay_ms,
            posted_at_ms=target.starts_at_ms if is_late else None,
        )

    def _schedule_of(self, target_type: TargetType) -> Schedule:
        """Return the schedule that all kinds of one type of target share."""
        creator = target_type is TargetType.CREATOR
        return self.policy.creator_schedule if creator else self.policy.schedule

    def _build_register_call(
        self,
        shard: int,
        target_type: TargetType,
        documents: Sequence[TargetDocument],
        audiences: Mapping[str, str],
    ) -> ScriptCall:
        schedule = self._schedule_of(target_type)
        kinds = ",".join(str(int(kind)) for kind in self.policy.kinds_of(target_type))
        arguments: list[str | bytes | int] = [
            tally_prefix(shard, "series"),
            shard,
            self.target_shards,
            KINDS_PER_TARGET,
            kinds,
            find_slice_seconds(self.policy),
        ]
        for document in documents:
            epoch = document.first_epoch
            due_ms = None if epoch is None else schedule.due_ms(document.starts_at_ms, epoch)
            arguments += [
                document.target_id,
                msgspec.json.encode(document),
                "" if epoch is None else epoch,
                "" if due_ms is None else due_ms,
                document.starts_at_ms,
                document.policy_version,
                audiences.get(document.target_id, ""),
            ]
        counters = (tally_key(shard, name) for name in ("targets", "due"))
        keys = [
            _records_key(shard, target_type),
            *counters,
            retired_policies_key(shard),
            tally_key(shard, "audiences-of"),
        ]
        return ScriptCall(keys, arguments)


MAX_CACHED_TARGETS = 1_000_000
"""Targets of one type that one intake process caches, about 200 MB; then it starts with an empty cache."""


def _records_key(shard: int, target_type: TargetType) -> str:
    return tally_key(shard, f"{target_type.value}s")


def _parse_target(record: bytes) -> Target:
    number, _, slice_seconds = record.partition(b" ")[0].partition(b"/")
    target = parse_document(record)
    first_release_at_ms, sliced = target.first_release_at_ms or 0, int(slice_seconds or 0)
    return Target(int(number), target.starts_at_ms, target.policy_version, first_release_at_ms, sliced)


def parse_document(record: bytes) -> TargetDocument:
    """Return the public metadata in a target's record."""
    return _DECODE(record.partition(b" ")[2])


def _reconcile(
    requested: TargetDocument, stored: TargetDocument | None
) -> tuple[Registration, TargetDocument]:
    """Compare a requested document with the stored one; returns the outcome and the resulting document."""
    if stored is None:
        return Registration.CREATED, requested
    if stored.declared_start_ms != requested.declared_start_ms:
        return Registration.CONFLICT, stored
    updated = msgspec.structs.replace(
        requested,
        starts_at_ms=stored.starts_at_ms,
        posted_at_ms=stored.posted_at_ms,
        policy_version=stored.policy_version,
        first_epoch=stored.first_epoch,
        first_release_at_ms=stored.first_release_at_ms,
        taken_down=stored.taken_down,
        revision=stored.revision,
    )
    if updated == stored:
        return Registration.UNCHANGED, stored
    return Registration.UPDATED, msgspec.structs.replace(updated, revision=stored.revision + 1)
