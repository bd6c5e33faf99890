"""What stands now, kept in the process for a moment: releases do not change between their times."""

from __future__ import annotations

from collections.abc import Callable

from api.http.expiring_cache import ExpiringCache
from privacy.errors import GoneError, NotFoundError, StoreError
from privacy.gallery.reader import CurrentRelease, GalleryReader
from privacy.model.engagement import Kind
from privacy.model.timestamp import Clock

MAX_SECONDS = 10.0
"""Kept so long at most, for a gallery that was restored or repaired."""
SHORTEST_SECONDS = 1.0
"""How often an overdue release is looked for."""
_CACHED_STANDINGS = 4096


def shown(standing: CurrentRelease | None, target_id: str, kind: Kind) -> CurrentRelease:
    """What may be shown of a target.

    Raises:
        NotFoundError: there is no such target.
        GoneError: it was taken down.
    """
    word = kind.target_type.value
    if standing is None:
        raise NotFoundError(f"there is no {word} {target_id}")
    if standing.target.taken_down is not None:
        raise GoneError(f"the {word} {target_id} was taken down", standing.target.taken_down)
    return standing


class ReleaseCache:
    """Answers what stands of a target.

    Args:
        gallery: where it is read.
        clock: how long a release will stand.
        monotonic_seconds: for the age of what is kept.
    """

    def __init__(self, gallery: GalleryReader, clock: Clock, monotonic_seconds: Callable[[], float]) -> None:
        self._gallery = gallery
        self._clock = clock
        self._kept = ExpiringCache[tuple[str, Kind], CurrentRelease](_CACHED_STANDINGS, monotonic_seconds)

    def of(self, target_id: str, kind: Kind) -> CurrentRelease:
        """What stands of a target; metadata in it may be some seconds old.

        Raises:
            NotFoundError: there is no such target, or its policy does not count that kind.
            GoneError: it was taken down.
            StoreError: the gallery does not answer or holds damage.
        """
        return shown(self._kept.get((target_id, kind), lambda: self._read(target_id, kind)), target_id, kind)

    def _read(self, target_id: str, kind: Kind) -> tuple[CurrentRelease, float]:
        standing = self._gallery.standing(target_id, kind)
        if standing is None:
            raise NotFoundError(f"there is no {kind.target_type.value} {target_id}")
        if standing.release is None:
            self._check_counted(standing, kind)
        return standing, self._lifetime_seconds(standing)

    def _check_counted(self, standing: CurrentRelease, kind: Kind) -> None:
        version = standing.target.policy_version
        guarantee = self._gallery.guarantee(version)
        if guarantee is None:
            raise StoreError(f"the gallery lacks the guarantee of policy {version}")
        if kind.label not in guarantee["kinds"]:
            raise NotFoundError(
                f"policy {version}, to which the target is bound, does not count {kind.label}s"
            )

    def _lifetime_seconds(self, standing: CurrentRelease) -> float:
        if standing.next_release_at_ms is None:
            return MAX_SECONDS
        until_next = (standing.next_release_at_ms - self._clock()) / 1000
        return min(MAX_SECONDS, max(SHORTEST_SECONDS, until_next))
