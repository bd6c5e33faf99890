"""Caches current releases in the process for some seconds: none changes before the next one is due."""

from collections.abc import Callable
from typing import Final

from api.http.expiring_cache import ExpiringCache
from privacy.errors import GoneError, NotFoundError, StoreError
from privacy.gallery.reader import CurrentRelease, GalleryReader
from privacy.model.engagement import Kind
from privacy.model.timestamp import Clock

MAX_SECONDS: Final = 10.0
"""The longest time in the cache, for a gallery that was restored or repaired."""
MIN_SECONDS: Final = 1.0
"""How often an overdue release is read again."""
_MAX_RELEASES: Final = 4096


def require_available(current: CurrentRelease | None, target_id: str, kind: Kind) -> CurrentRelease:
    """Returns the current release of a target that may be shown.

    Raises:
        NotFoundError: there is no such target.
        GoneError: it was taken down.
    """
    word = kind.target_type.value
    if current is None:
        raise NotFoundError(f"there is no {word} {target_id}")
    if current.target.taken_down is not None:
        raise GoneError(f"the {word} {target_id} was taken down", current.target.taken_down)
    return current


class ReleaseCache:
    """Reads current releases through a cache.

    Args:
        gallery: where they are read.
        clock: tells how long a release stays current, in ms since 1970 UTC.
        monotonic_seconds: measures the age of cached releases.
    """

    def __init__(self, gallery: GalleryReader, clock: Clock, monotonic_seconds: Callable[[], float]) -> None:
        self._gallery = gallery
        self._clock = clock
        self._cache = ExpiringCache[tuple[str, Kind], CurrentRelease](_MAX_RELEASES, monotonic_seconds)

    def get(self, target_id: str, kind: Kind) -> CurrentRelease:
        """Returns the current release of a target; its metadata may be some seconds old.

        Raises:
            NotFoundError: there is no such target, or its policy does not count that kind.
            GoneError: it was taken down.
            StoreError: the gallery does not answer or holds damage.
        """
        current = self._cache.get((target_id, kind), lambda: self._read(target_id, kind))
        return require_available(current, target_id, kind)

    def _read(self, target_id: str, kind: Kind) -> tuple[CurrentRelease, float]:
        current = self._gallery.read_current_release(target_id, kind)
        if current is None:
            raise NotFoundError(f"there is no {kind.target_type.value} {target_id}")
        if current.release is None:
            self._check_counted(current, kind)
        return current, self._lifetime_seconds(current)

    def _check_counted(self, current: CurrentRelease, kind: Kind) -> None:
        version = current.target.policy_version
        guarantee = self._gallery.read_guarantee(version)
        if guarantee is None:
            raise StoreError(f"the gallery lacks the guarantee of policy {version}")
        if kind.label not in guarantee["kinds"]:
            raise NotFoundError(
                f"policy {version}, which this {kind.target_type.value} is bound to, does not count "
                f"{kind.label}s"
            )

    def _lifetime_seconds(self, current: CurrentRelease) -> float:
        if current.next_release_at_ms is None:
            return MAX_SECONDS
        until_next = (current.next_release_at_ms - self._clock()) / 1000
        return min(MAX_SECONDS, max(MIN_SECONDS, until_next))
