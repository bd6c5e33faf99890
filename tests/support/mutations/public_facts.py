"""Mistakes by which something other than a figure tells what the counts are: times, orders, spaces, costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from privacy.model.documents import LedgerEntry, ReleaseDocument
from privacy.release import engine, worker
from privacy.release.estimates import publishable_estimates
from privacy.release.ledger import LedgerHead
from privacy.release.render import render as right_render
from privacy.release.worker import ReleaseWorker
from privacy.tally.series import Commit, TallyShard
from tests.support.mutations.mutation import Mutation

if TYPE_CHECKING:
    import pytest

BATCHES = "recalculation, whole batches"
_right_encode = engine._ENCODE
_right_append = LedgerHead.append
_right_commit = worker.make_commit
_right_release = ReleaseWorker._release_batch
_replace = msgspec.structs.replace


def _rendered(
    alter: Callable[[ReleaseDocument, int], ReleaseDocument],
) -> Callable[[pytest.MonkeyPatch], None]:
    """Alters documents that show a total, with access to the exact one."""

    def apply(patch: pytest.MonkeyPatch) -> None:
        totals: list[int] = []

        def estimated(exact: NDArray[np.int64], *given: Any) -> Any:
            totals[:] = exact[:, 0].tolist()
            return publishable_estimates(exact, *given)

        def render(*given: Any) -> Iterator[ReleaseDocument]:
            for document, total in zip(right_render(*given), totals, strict=True):
                yield alter(document, total) if document.total else document

        patch.setattr(engine, "publishable_estimates", estimated)
        patch.setattr(engine, "render", render)

    return apply


def _span_of_the_count(document: ReleaseDocument, total: int) -> ReleaseDocument:
    return _replace(document, change_span_seconds=total) if document.change else document


def _spaced(patch: pytest.MonkeyPatch) -> None:
    def encode(document: ReleaseDocument) -> bytes:
        shown = sum(each is not None for each in document.removals.values())
        return _right_encode(document) + b" " * shown

    patch.setattr(engine, "_ENCODE", encode)


def _entries(alter: Callable[[bytes], bytes]) -> Callable[[pytest.MonkeyPatch], None]:
    """Alters the ledger entries of releases with measurements."""

    def apply(patch: pytest.MonkeyPatch) -> None:
        def append(self: LedgerHead, release: Any, calibration: Any) -> tuple[bytes, LedgerHead]:
            entry, head = _right_append(self, release, calibration)
            if release.measurements:
                entry = alter(entry)
            return entry, _replace(head, digest=sha256(entry).hexdigest())

        patch.setattr(LedgerHead, "append", append)

    return apply


def _free_where_nothing_is_measured(patch: pytest.MonkeyPatch) -> None:
    def append(self: LedgerHead, release: Any, calibration: Any) -> tuple[bytes, LedgerHead]:
        entry, head = _right_append(self, release, calibration)
        if not release.measurements:
            entry = msgspec.json.encode(_replace(msgspec.json.decode(entry, type=LedgerEntry), rho="0"))
        return entry, _replace(head, digest=sha256(entry).hexdigest())

    patch.setattr(LedgerHead, "append", append)


def _cheaper(entry: bytes) -> bytes:
    return msgspec.json.encode(_replace(msgspec.json.decode(entry, type=LedgerEntry), rho="0.08"))


def _visible(later_ms: int) -> Callable[[pytest.MonkeyPatch], None]:
    """Moves the moment of showing of releases with measurements."""

    def commit(release: Any, *given: Any) -> Commit:
        right = _right_commit(release, *given)
        return _replace(right, visible_ms=right.visible_ms + later_ms * bool(release.measurements))

    return lambda patch: patch.setattr(worker, "make_commit", commit)


def _busy_first(patch: pytest.MonkeyPatch) -> None:
    @dataclass(frozen=True)
    class Reordered:
        """A shard that lists due series with new changes first."""

        wrapped: TallyShard

        def __getattr__(self, name: str) -> Any:
            return getattr(self.wrapped, name)

        def list_due(self, *given: Any) -> list[int]:
            numbers = self.wrapped.list_due(*given)
            return sorted(numbers, key=lambda number: not self.wrapped.read_series([number])[0].log)

    def release(self: ReleaseWorker, shard: TallyShard, *given: Any) -> Any:
        return _right_release(self, cast("TallyShard", Reordered(shard)), *given)

    patch.setattr(ReleaseWorker, "_release_batch", release)


PUBLIC_FACTS = (
    Mutation(
        "a time in a release that tells whether the count is odd",
        _rendered(lambda document, total: _replace(document, as_of_ms=document.as_of_ms + total % 2)),
        BATCHES,
        in_quick_tests=True,
    ),
    Mutation(
        "a next release that is later after an odd count",
        _rendered(
            lambda document, total: _replace(
                document, next_release_at_ms=(document.next_release_at_ms or 0) + 1_000 * (total % 2)
            )
        ),
        "recalculation",
    ),
    Mutation("an exact count in the place of a span", _rendered(_span_of_the_count), "recalculation"),
    Mutation(
        "changes in another order after an odd count",
        _rendered(
            lambda document, total: _replace(
                document,
                removal_changes=dict(list(document.removal_changes.items())[:: -1 if total % 2 else 1]),
            )
        ),
        "recalculation",
    ),
    Mutation("spaces behind a release for what it shows", _spaced, "recalculation"),
    Mutation("a ledger entry with another cost for what was measured", _entries(_cheaper), BATCHES),
    Mutation(
        "a ledger entry without a cost where nothing was measured", _free_where_nothing_is_measured, BATCHES
    ),
    Mutation(
        "a space behind the ledger entry of what was measured",
        _entries(lambda entry: entry + b" "),
        BATCHES,
        in_quick_tests=True,
    ),
    Mutation("a ledger in which busy series come first", _busy_first, BATCHES),
    Mutation("a release that shows a second later if it was measured", _visible(1_000), BATCHES),
    Mutation("a release that shows a second earlier if it was measured", _visible(-1_000), BATCHES),
)
