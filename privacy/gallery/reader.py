"""Reads the gallery for the public plane: complete documents, or an error.

A document that cannot be decoded is an error, never a number. Writing is the task of `privacy.publishing`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import msgspec
from redis import Redis

from privacy.errors import StoreError
from privacy.model.documents import (
    CURRENT_VERSION,
    AudienceDocument,
    GuaranteeDocument,
    PointDocument,
    ReleaseDocument,
    TargetDocument,
)
from privacy.model.engagement import Kind
from privacy.store.connect import translated
from privacy.store.keys import gallery_key

_Document = TypeVar("_Document")


class _RequiredGuarantee(msgspec.Struct, frozen=True):
    """The members of a guarantee that the public plane relies on."""

    version: str
    dimensions: dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class CurrentRelease:
    """The metadata and the current release of a target.

    Args:
        target: its public metadata.
        release: its current release; None before the first one.
    """

    target: TargetDocument
    release: ReleaseDocument | None

    @property
    def next_release_at_ms(self) -> int | None:
        """When the next release becomes visible, in ms since 1970 UTC; None after the last one."""
        return self.release.next_release_at_ms if self.release else self.target.first_release_at_ms


@dataclass(frozen=True, slots=True)
class History:
    """A target and all its releases of one kind, as the time series shows them.

    Args:
        target: its public metadata.
        points: in the order of epochs.
    """

    target: TargetDocument
    points: Sequence[PointDocument]


@dataclass(frozen=True, slots=True)
class CreatorVideos:
    """The videos that name a creator or did so earlier.

    Args:
        count: number of these videos.
        latest: ids of the most recently posted ones, newest first.
    """

    count: int
    latest: Sequence[str]


class GalleryReader:
    """Reads documents. Every method raises `StoreError` when the gallery does not answer or holds damage.

    Args:
        client: must have the public ACL user.
    """

    def __init__(self, client: Redis) -> None:
        self._client = client

    def ping(self) -> None:
        """Checks that the gallery answers."""
        with translated():
            self._client.ping()

    def read_current_release(self, target_id: str, kind: Kind) -> CurrentRelease | None:
        """Reads the current release of one target; None if there is no such target."""
        return self.read_current_releases([target_id], kind)[0]

    def read_current_releases(self, target_ids: Sequence[str], kind: Kind) -> list[CurrentRelease | None]:
        """Reads the current releases of several targets, in their order, in one round trip."""
        # Single commands in a pipeline, not MGET: on a Redis Cluster the keys are in different slots.
        with translated():
            pipeline = self._client.pipeline(transaction=False)
            for target_id in target_ids:
                pipeline.get(gallery_key("target", kind.target_type.value, target_id))
                pipeline.get(gallery_key("current", target_id, kind.label))
            raw = pipeline.execute()
        return [_decode_current(*pair) for pair in zip(raw[::2], raw[1::2], strict=True)]

    def read_targets(self, target_ids: Sequence[str], target_type: str) -> list[TargetDocument | None]:
        """Reads the public metadata of several targets, in their order; None for one that does not exist."""
        with translated():
            pipeline = self._client.pipeline(transaction=False)
            for target_id in target_ids:
                pipeline.get(gallery_key("target", target_type, target_id))
            raw = pipeline.execute()
        return [None if document is None else _decode(document, TargetDocument) for document in raw]

    def read_points(self, target_id: str, kind: Kind) -> list[PointDocument]:
        """Reads the time series of one target, in the order of epochs."""
        with translated():
            raw = cast(
                "dict[bytes, bytes]", self._client.hgetall(gallery_key("points", target_id, kind.label))
            )
        return _decode_points(raw)

    def read_histories(self, target_ids: Sequence[str], kind: Kind) -> list[History | None]:
        """Reads several targets with their time series, in their order; None for one that does not exist."""
        with translated():
            pipeline = self._client.pipeline(transaction=False)
            for target_id in target_ids:
                pipeline.get(gallery_key("target", kind.target_type.value, target_id))
                pipeline.hgetall(gallery_key("points", target_id, kind.label))
            raw = pipeline.execute()
        return [
            History(_decode(target, TargetDocument), _decode_points(points)) if target else None
            for target, points in zip(raw[::2], raw[1::2], strict=True)
        ]

    def read_creator_videos(self, creator_id: str, limit: int) -> CreatorVideos:
        """Reads the latest videos of a creator; check each one, since it may have another creator by now."""
        key = gallery_key("creator-videos", creator_id)
        with translated():
            pipeline = self._client.pipeline(transaction=False)
            pipeline.zcard(key)
            pipeline.zrevrange(key, 0, limit - 1)
            count, ids = pipeline.execute()
        return CreatorVideos(count, [video_id.decode() for video_id in ids])

    def read_audience(self, scope_id: str, kind: str) -> list[AudienceDocument]:
        """Reads all releases of one audience, in the order of periods.

        Args:
            scope_id: the creator, hashtag or sound; `platform` for all videos.
            kind: scope, length of period and policy version, as in the releases.
        """
        with translated():
            raw = cast("dict[bytes, bytes]", self._client.hgetall(gallery_key("releases", scope_id, kind)))
        return sorted(
            (_decode(document, AudienceDocument) for document in raw.values()),
            key=lambda document: document.epoch,
        )

    def read_ranked(self, kind: str, period: int) -> list[AudienceDocument]:
        """Reads the audiences of one period that show any number, in the order of their names."""
        with translated():
            raw = cast("dict[bytes, bytes]", self._client.hgetall(gallery_key("rankings", kind, period)))
        return [_decode(raw[scope_id], AudienceDocument) for scope_id in sorted(raw)]

    def read_guarantee(self, version: str) -> GuaranteeDocument | None:
        """Reads the guarantee of a policy version; None if there is no such version.

        Args:
            version: its name, or `CURRENT_VERSION` for the version in force.
        """
        with translated():
            if version == CURRENT_VERSION:
                named = self._get(gallery_key("guarantee", CURRENT_VERSION))
                if named is None:
                    return None
                version = named.decode("ascii", "replace")
            raw = self._get(gallery_key("guarantee", version))
        if raw is None:
            return None
        _decode(raw, _RequiredGuarantee)
        return _decode(raw, dict[str, Any])

    def _get(self, key: str) -> bytes | None:
        return cast("bytes | None", self._client.get(key))


def _decode_points(raw: dict[bytes, bytes]) -> list[PointDocument]:
    points = [_decode(point, PointDocument) for point in raw.values()]
    return sorted(points, key=lambda point: point.epoch)


def _decode_current(target: bytes | None, release: bytes | None) -> CurrentRelease | None:
    if target is None:
        return None
    return CurrentRelease(
        _decode(target, TargetDocument),
        None if release is None else _decode(release, ReleaseDocument),
    )


def _decode(raw: bytes, form: type[_Document]) -> _Document:
    try:
        return msgspec.json.decode(raw, type=form)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise StoreError(f"the gallery holds a damaged {form.__name__}; publish it again") from error
