"""What a reader that is limited to creators may read: these creators, and the videos that name them now.

Whatever else such a reader asks for is refused in the same words and with the same work, whether it exists or
not: so it learns nothing of what it may not read.
"""

from typing import Final

from werkzeug.exceptions import Forbidden

from api.http.caller import Caller
from privacy.gallery.reader import GalleryReader
from privacy.model.documents import TargetDocument
from privacy.model.engagement import TargetType

UNREADABLE: Final = (
    "This API key reads some creators and their videos; this belongs to none of them, or does not exist."
)


def is_readable(key: Caller | None, creator_id: str | None) -> bool:
    """Returns whether a caller may read what belongs to a creator.

    Args:
        key: who asks; None reads nothing.
        creator_id: the creator; None for what belongs to none, which only a caller without limits reads.
    """
    return key is not None and (key.creators is None or creator_id in key.creators)


def require_readable(key: Caller | None, creator_id: str | None) -> None:
    """Checks that a caller may read what belongs to a creator.

    Raises:
        Forbidden: it may not (403).
    """
    if not is_readable(key, creator_id):
        raise Forbidden(UNREADABLE)


def require_readable_list(key: Caller | None, creator_id: str | None) -> None:
    """Checks that a caller may read a list of videos.

    Args:
        key: who asks.
        creator_id: the creator whose videos alone are listed; None for a list over several creators.

    Raises:
        Forbidden: it may not (403).
    """
    if creator_id is not None:
        require_readable(key, creator_id)
    elif key is None or key.creators is not None:
        raise Forbidden(f"{UNREADABLE} Name one of its creators in `creator_id`.")


def creator_of(target: TargetDocument | None) -> str | None:
    """Returns the creator to whom a target belongs now; None if it belongs to none, or does not exist."""
    if target is None:
        return None
    is_creator = target.target_type == TargetType.CREATOR.value
    return target.target_id if is_creator else target.creator_id


def require_readable_target(
    gallery: GalleryReader, key: Caller | None, target_type: TargetType, target_id: str
) -> None:
    """Checks that a caller may read a target; a video is looked up for a limited caller, and not in a cache.

    Raises:
        Forbidden: it may not (403).
        StoreError: the gallery does not answer or holds damage.
    """
    if key is not None and key.creators is None:
        return
    if target_type is TargetType.CREATOR:
        require_readable(key, target_id)
        return
    (video,) = gallery.read_targets([target_id], target_type.value)
    require_readable(key, creator_of(video))
