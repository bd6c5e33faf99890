"""A release that is written and waits to be copied to the gallery."""

from __future__ import annotations

import msgspec

from privacy.model.documents import AudienceDocument, PointDocument


class _PointWithName(PointDocument, frozen=True, forbid_unknown_fields=False, kw_only=True):
    """The part of a release document that its publication needs; the rest, most of it, is passed over."""

    target_id: str
    kind: str


_DECODE = msgspec.json.Decoder(_PointWithName).decode
_DECODE_AUDIENCE = msgspec.json.Decoder(AudienceDocument).decode
_ENCODE = msgspec.json.Encoder().encode


class PendingRelease(msgspec.Struct, frozen=True, gc=False):
    """A written release that waits to be copied to the gallery.

    Args:
        shard: target shard whose ledger holds its entry.
        sequence: sequence number of that entry.
        target_id: identifier of its target.
        kind: label of its kind of engagement.
        epoch: the released epoch.
        release: the encoded release document.
        point: its encoded point in the time series; None for an audience.
        ledger_entry: its encoded ledger entry.
        is_ranked: whether it is an audience that shows any number.
    """

    shard: int
    sequence: int
    target_id: str
    kind: str
    epoch: int
    release: bytes
    point: bytes | None
    ledger_entry: bytes
    is_ranked: bool = False

    @classmethod
    def parse(cls, shard: int, sequence: int, release: bytes, ledger_entry: bytes) -> PendingRelease:
        """Parse a release and make its point, both from its document."""
        try:
            document = _DECODE(release)
        except msgspec.ValidationError:
            return cls._parse_audience(shard, sequence, release, ledger_entry)
        return cls(
            shard,
            sequence,
            document.target_id,
            document.kind,
            document.epoch,
            release,
            _ENCODE(PointDocument.from_release(document)),
            ledger_entry,
        )

    @classmethod
    def _parse_audience(
        cls, shard: int, sequence: int, release: bytes, ledger_entry: bytes
    ) -> PendingRelease:
        document = _DECODE_AUDIENCE(release)
        return cls(
            shard,
            sequence,
            document.target_id,
            document.kind,
            document.epoch,
            release,
            None,
            ledger_entry,
            document.total is not None or bool(document.breakdowns),
        )
