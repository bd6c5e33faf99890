"""The release side's hand in the gallery: it writes documents, each once. Readers have another type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import msgspec

from privacy.errors import StoreError
from privacy.gallery.documents import GuaranteeDocument, PointDocument, ReleaseDocument, TargetDocument
from privacy.store.connect import translated
from privacy.store.keys import gallery_key
from privacy.store.script import Script, ScriptCall

if TYPE_CHECKING:
    from collections.abc import Sequence

    from redis import Redis
    from redis.client import Pipeline

_PUBLISH = Script.packaged("privacy.gallery", "publish.lua")
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
        """Write public metadata.

        Raises:
            StoreBusyError: the gallery did not confirm; do it again.
        """
        if targets:
            with translated():
                self.client.mset(
                    {gallery_key("target", target.video_id): _ENCODE(target) for target in targets}
                )

    def publish_releases(self, releases: Sequence[WrittenRelease]) -> None:
        """Write releases and their ledger entries; the latest of each target becomes the current one.

        Raises:
            StoreBusyError: the gallery did not confirm; do it again.
            StoreError: the gallery holds other bytes for a release or an entry: nothing is replaced.
        """
        documents = [_DECODE(release.release) for release in releases]
        with translated():
            pipeline = self.client.pipeline(transaction=False)
            for document, written in zip(documents, releases, strict=True):
                _write_once(pipeline, _series_key("releases", document), document.epoch, written.release)
                _write_once(pipeline, _series_key("points", document), document.epoch, _point(document))
                _write_once(
                    pipeline, gallery_key("ledger", written.shard), written.sequence, written.ledger_entry
                )
            held = pipeline.execute()[1::2]
        for document, written, release, entry in zip(documents, releases, held[::3], held[2::3], strict=True):
            if release != written.release or entry != written.ledger_entry:
                raise StoreError(
                    f"gallery: holds another release of {document.video_id} epoch {document.epoch}; "
                    "a release is written once and never replaced"
                )
        with translated():
            _PUBLISH.run_all(
                self.client,
                [
                    ScriptCall([_series_key("current", document)], [document.epoch, written.release])
                    for document, written in zip(documents, releases, strict=True)
                ],
            )

    def publish_guarantee(self, version: str, guarantee: GuaranteeDocument, ledger_shards: int) -> None:
        """Write the machine-readable guarantee of a policy version, and make it the current one.

        Raises:
            StoreBusyError: the gallery did not confirm; do it again.
        """
        with translated():
            self.client.mset(
                {
                    gallery_key("guarantee", version): _ENCODE(guarantee),
                    gallery_key("guarantee", "current"): version,
                    gallery_key("ledger", "shards"): ledger_shards,
                }
            )


def _write_once(pipeline: Pipeline, key: str, field: int, value: bytes) -> None:
    """Queue a write that replaces nothing, and the question what is there now."""
    pipeline.hsetnx(key, str(field), value)
    pipeline.hget(key, str(field))


def _series_key(name: str, document: ReleaseDocument) -> str:
    return gallery_key(name, document.video_id, document.kind)


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
        )
    )
