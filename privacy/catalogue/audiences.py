"""Starts the audiences that videos count in: of their creators, hashtags and sounds, and of the platform."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Final, NamedTuple

from redis import Redis

from privacy.model.audience import AUDIENCE_SLOT, PLATFORM_ID, Scope, period_at, period_start_ms
from privacy.model.documents import TargetDocument
from privacy.model.engagement import KINDS_PER_TARGET, Kind
from privacy.model.sandbox import TARGET_PREFIX, is_canary
from privacy.model.spelling import spelling_key
from privacy.policy.audience_groups import AudienceGroup, list_audience_groups
from privacy.policy.policy import Policy
from privacy.store.connect import translated
from privacy.store.keys import tally_key, tally_prefix, target_shard
from privacy.store.script import Script, ScriptCall

_START: Final = Script.from_package("privacy.catalogue", "start_audiences.lua")


class _Audience(NamedTuple):
    """An audience that a video counts in."""

    scope: Scope
    every_seconds: int
    target_id: str

    def name(self, version: str) -> str:
        """Return its name in the catalogue."""
        return f"{self.scope.value}/{self.every_seconds}/{version}/{self.target_id}"


@dataclass(frozen=True)
class AudienceRegistration:
    """Starts audiences. What a video counts in is settled when it is registered, and never changes.

    Args:
        client: must have the platform ACL user.
        target_shards: number of target shards of this store.
        policy: the policy that new videos are bound to.
    """

    client: Redis
    target_shards: int
    policy: Policy

    @cached_property
    def groups(self) -> tuple[AudienceGroup, ...]:
        """The audiences by length of their periods."""
        return list_audience_groups(self.policy)

    def start(self, videos: Sequence[TargetDocument], now_ms: int) -> dict[str, str]:
        """Start what new videos count in. Done again, it changes nothing.

        Args:
            videos: those that are not sealed count.
            now_ms: audiences that are not running start with the period running now, or the first one that
                cannot have been released.

        Returns:
            Audiences by id of a video: a text that `parse_audiences` reads.

        Raises:
            StoreBusyError: the store did not confirm; call again.
        """
        if not self.groups:
            return {}
        found = {video.target_id: self._list(video) for video in videos if video.first_epoch is not None}
        names: dict[int, list[str]] = {}
        arguments: dict[int, list[str | int]] = {}
        for video in videos:
            for audience in chain.from_iterable(found.get(video.target_id, ())):
                name = audience.name(self.policy.version)
                shard = target_shard(name, self.target_shards)
                names.setdefault(shard, []).append(name)
                arguments.setdefault(shard, []).extend(self._describe(audience, self._end_ms(video), now_ms))
        with translated():
            replies = _START.run_all(self.client, [self._call(*each) for each in arguments.items()])
        series = {
            name: int(number)
            for shard, numbers in zip(names, replies, strict=True)
            for name, number in zip(names[shard], numbers, strict=True)
        }
        return {video_id: self._format(by_group, series) for video_id, by_group in found.items()}

    def _list(self, video: TargetDocument) -> list[list[_Audience]]:
        """Return the audiences of a video by group."""
        hashtags = sorted({spelling_key(hashtag) for hashtag in video.hashtags})
        platform = f"{TARGET_PREFIX}{PLATFORM_ID}" if is_canary(video.target_id) else PLATFORM_ID
        ids = {
            Scope.CREATOR: [video.creator_id] if video.creator_id else [],
            Scope.SOUND: [video.sound_id] if video.sound_id else [],
            Scope.HASHTAG: hashtags,
            Scope.PLATFORM: [platform],
        }
        return [
            [
                _Audience(scope, group.every_seconds, target_id)
                for scope in dict.fromkeys(group.scopes)
                for target_id in ids[scope][: group.scopes.count(scope)]
            ]
            for group in self.groups
        ]

    def _end_ms(self, video: TargetDocument) -> int:
        schedule = self.policy.schedule_of(Kind.LIKE)
        return schedule.due_ms(video.starts_at_ms, schedule.epochs - 1)

    def _describe(self, audience: _Audience, until_ms: int, now_ms: int) -> list[str | int]:
        """Return an audience as the script takes it."""
        every = audience.every_seconds
        return [
            audience.name(self.policy.version),
            audience.target_id,
            audience.scope.value,
            every,
            period_start_ms(0, every),
            self.policy.version,
            period_at(now_ms, every),
            until_ms,
        ]

    def _call(self, shard: int, arguments: Sequence[str | int]) -> ScriptCall:
        keys = [tally_key(shard, name) for name in ("audiences", "targets", "audience-due", "offsets")]
        numbers = (shard, self.target_shards, KINDS_PER_TARGET, AUDIENCE_SLOT)
        return ScriptCall(keys, [tally_prefix(shard, "series"), *numbers, *arguments])

    def _format(self, by_group: Sequence[Sequence[_Audience]], series: Mapping[str, int]) -> str:
        lengths = (
            f"{group.every_seconds}:{'.'.join(str(series[each.name(self.policy.version)]) for each in found)}"
            for group, found in zip(self.groups, by_group, strict=True)
            if found
        )
        return "/".join(lengths)


def parse_audiences(text: bytes) -> dict[int, list[int]]:
    """Return the series of the audiences in which a video counts, by the length of their periods."""
    groups = (group.partition(b":") for group in text.split(b"/") if group)
    return {int(every): [int(number) for number in numbers.split(b".")] for every, _, numbers in groups}
