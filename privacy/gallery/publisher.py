"""The release side's hand in the gallery: it writes documents, each once. Readers have another type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

import msgspec

from privacy.errors import StoreError
from privacy.gallery.documents import GuaranteeDocument, PointDocument, ReleaseDocument, TargetDocument
from privacy.store.connect import translated
from privacy.store.keys import gallery_key
from privacy.store.script import Script, ScriptCall

if TYPE_CHECKING:
    from collections.abc import Sequence

    from redis import Redis

_PUBLISH = Script.packaged("privacy.gallery", "publish.lua")
_PUBLISH_TARGET = Script.packaged("privacy.gallery", "publish_target.lua")
_DECODE = msgspec.json.Decoder(ReleaseDocument).decode
_ENCODE = msgspec.json.Encoder().encode


class WrittenRelease(Protocol):
    """A release that the tally side holds, on its way here: `privacy.tally.series.Outgoing`."""

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
        """Write public metadata; what is newer there already stays.

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
        with translated():
            _PUBLISH_TARGET.run_all(self.client, calls)

    def publish_releases(self, releases: Sequence[WrittenRelease]) -> None:
        """Write releases and their ledger entries; the latest of each target becomes the current one.

        Raises:
            StoreBusyError: the gallery did not confirm; do it again.
            StoreError: the gallery holds other bytes for a release or an entry: nothing is replaced.
        """
        documents = [_DECODE(release.release) for release in releases]
        writes = [
            write
            for document, written in zip(documents, releases, strict=True)
            for write in (
                _Write(_series_key("releases", document), document.epoch, written.release),
                _Write(_series_key("points", document), document.epoch, _point(document)),
                _Write(gallery_key("ledger", written.shard), written.sequence, written.ledger_entry),
            )
        ]
        with translated():
            self._write_once(writes)
            _PUBLISH.run_all(
                self.client,
                [
                    ScriptCall([_series_key("current", document)], [document.epoch, written.release])
                    for document, written in zip(documents, releases, strict=True)
                ],
                transaction=True,
            )

    def _write_once(self, writes: Sequence[_Write]) -> None:
        """Write what is not there yet, and make sure that what is there is the same."""
        # A transaction for speed: Redis syncs its log once, not once for every few kilobytes.
        pipeline = self.client.pipeline(transaction=True)
        for write in writes:
            pipeline.hsetnx(write.key, str(write.field), write.value)
        held = [write for write, fresh in zip(writes, pipeline.execute(), strict=True) if not fresh]
        for write in held:
            pipeline.hget(write.key, str(write.field))
        for write, value in zip(held, pipeline.execute(), strict=True):
            if value != write.value:
                raise StoreError(
                    f"gallery: {write.key} holds something else for {write.field}; "
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


class _Write(NamedTuple):
    """One field of a hash that is written once."""

    key: str
    field: int
    value: bytes


def _series_key(name: str, document: ReleaseDocument) -> str:
    return gallery_key(name, document.target_id, document.kind)


def _point(document: ReleaseDocument) -> bytes:
    return _ENCODE(
        PointDocument(
            epoch=document.epoch,
            as_of_ms=document.as_of_ms,
            next_release_at_ms=document.next_release_at_ms,
            total=document.total,
            change=document.change,
            change_since_epoch=document.change_since_epoch,
            change_span_seconds=document.change_span_seconds,
            removals=document.removals,
            removal_changes=document.removal_changes,
        )
    )
