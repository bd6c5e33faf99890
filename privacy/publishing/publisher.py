"""The release side's hand in the gallery: it writes documents, each once. Readers have another type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import msgspec

from privacy.errors import StoreError
from privacy.model.documents import GuaranteeDocument, PointDocument, TargetDocument
from privacy.model.engagement import TargetType
from privacy.store.connect import translated
from privacy.store.keys import gallery_key, gallery_series_keys, gallery_shard
from privacy.store.script import Script, ScriptCall

if TYPE_CHECKING:
    from redis import Redis


class WrittenRelease(Protocol):
    """A release that the tally side holds, on its way here: `privacy.tally.series.PendingRelease`."""

    @property
    def shard(self) -> int:
        """Target shard whose ledger it stands in."""

    @property
    def sequence(self) -> int:
        """Of its ledger entry."""

    @property
    def release(self) -> bytes:
        """The document."""

    @property
    def ledger_entry(self) -> bytes:
        """Its line in the ledger."""


@dataclass(frozen=True)
class Publisher:
    """Writes the gallery. All it does may be done again, by itself or another one, and changes nothing.

    Args:
        client: connection with the publisher's credentials.
    """

    client: Redis

    def publish_targets(self, targets: Sequence[TargetDocument]) -> None:
        """Write public metadata; what is newer there already stays. Creators' lists of videos only grow.

        Raises:
            StoreBusyError: the gallery did not confirm; do it again.
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
            if target.target_type == TargetType.VIDEO.value and target.creator_id:
                videos = gallery_key("creator-videos", target.creator_id)
                pipeline.zadd(videos, {target.target_id: target.starts_at_ms})
        with translated():
            _PUBLISH_TARGET.run_all(self.client, calls)
            pipeline.execute()

    def publish_releases(self, releases: Sequence[WrittenRelease]) -> None:
        """Write releases and their ledger entries; the latest of each target becomes the current one.

        Raises:
            StoreBusyError: the gallery did not confirm; do it again.
            StoreError: the gallery holds other bytes for a release or an entry: nothing is replaced.
        """
        chains: dict[int, list[str | bytes | int]] = {}
        shards: dict[int, tuple[list[str], list[str | bytes | int]]] = {}
        for written in releases:
            chains.setdefault(written.shard, []).extend((written.sequence, written.ledger_entry))
            series, point = _SERIES(written.release), _POINT(written.release)
            keys, arguments = shards.setdefault(gallery_shard(series.target_id), ([], []))
            keys += gallery_series_keys(series.target_id, series.kind)
            arguments += [point.epoch, written.release, _ENCODE(point)]
        self._write_once(
            _PUBLISH_ENTRIES,
            [ScriptCall([gallery_key("ledger", shard)], entries) for shard, entries in chains.items()],
        )
        self._write_once(_PUBLISH, [ScriptCall(*shard) for shard in shards.values()])

    def _write_once(self, script: Script, calls: Sequence[ScriptCall]) -> None:
        """Write what is not there yet, and make sure that what is there is the same."""
        with translated():
            refused = [place for place in script.run_all(self.client, calls) if place]
        if refused:
            raise StoreError(
                f"gallery: there is something else in {refused[0].decode()}; "
                "what is published is never replaced"
            )

    def publish_sandbox_guarantee(self, version: str, guarantee: GuaranteeDocument) -> None:
        """Write the machine-readable guarantee of a sandbox, which is never the current one.

        Raises:
            StoreBusyError: the gallery did not confirm; do it again.
        """
        with translated():
            self.client.set(gallery_key("guarantee", version), _ENCODE(guarantee))

    def publish_guarantee(self, version: str, guarantee: GuaranteeDocument, ledger_shards: int) -> None:
        """Write the machine-readable guarantee of a policy version, and make it the current one.

        Raises:
            StoreBusyError: the gallery did not confirm; do it again.
        """
        pipeline = self.client.pipeline(transaction=False)
        pipeline.set(gallery_key("guarantee", version), _ENCODE(guarantee))
        pipeline.set(gallery_key("guarantee", "current"), version)
        pipeline.set(gallery_key("ledger", "shards"), ledger_shards)
        with translated():
            pipeline.execute()


class _Series(msgspec.Struct, frozen=True, gc=False):
    """The series that a release document belongs to; its other members are passed over."""

    target_id: str
    kind: str


class _Point(PointDocument, frozen=True, forbid_unknown_fields=False):
    """The point of a release document; its other members are passed over."""


_PUBLISH = Script.packaged("privacy.publishing", "write_once.lua", "publish.lua")
_PUBLISH_ENTRIES = Script.packaged("privacy.publishing", "write_once.lua", "publish_entries.lua")
_PUBLISH_TARGET = Script.packaged("privacy.publishing", "publish_target.lua")
_SERIES = msgspec.json.Decoder(_Series).decode
_POINT = msgspec.json.Decoder(_Point).decode
_ENCODE = msgspec.json.Encoder().encode
