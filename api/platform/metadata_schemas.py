"""Public metadata of videos and creators, as a platform sends it."""

import re
from collections.abc import Sequence
from itertools import islice
from math import floor
from typing import Any

from marshmallow import ValidationError, fields, post_load
from marshmallow.validate import Range

from api.platform.display_text import DisplayText, drop_controls, is_visible, takings_of_text
from api.platform.field_types import (
    ABSENT,
    BoundedList,
    LeftOutIfOdd,
    OptionalPublicId,
    PublicId,
    StrictSchema,
    Timestamp,
    error_messages,
    takings_of_absent,
)
from privacy.catalogue.catalogue import TargetMetadata
from privacy.intake.taken import Taken
from privacy.model.engagement import TargetType
from privacy.model.spelling import spelling_key
from privacy.model.timestamp import SECONDS_PER_DAY

MAX_TITLE_CHARACTERS = 2_200
MAX_HASHTAGS = 50
MAX_HASHTAGS_SENT = 1_000
MAX_HASHTAG_CHARACTERS = 100
MAX_DURATION_SECONDS = 366 * SECONDS_PER_DAY
_SIGNS = "#\uff03\ufe5f"
"""The sign of a hashtag, in each of its widths."""
_BETWEEN = re.compile(f"[{_SIGNS}\\s,;\u3001\uff0c\uff1b]+")
"""What is between hashtags in one text: none of it is in a hashtag."""
_OF_LISTS = re.compile('[][{}"]')
_TEXTS = ("title", "name")
_OPTIONAL = ("creator_id", "sound_id", "duration_seconds")


class Hashtag(LeftOutIfOdd, DisplayText):
    """A hashtag without its `#`, in whatever width that is; a value that is none is left out."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> str:
        bare = value.strip().lstrip(_SIGNS) if isinstance(value, str) else value
        text = super()._deserialize(bare, attr, data, **options)
        key = spelling_key(text)
        if "#" in key or any(map(str.isspace, key)):
            raise ValidationError("contains # or a space; a hashtag without its #")
        return text


class Title(DisplayText):
    """A title or name, without control characters; what shows nothing is none."""

    def deserialize(self, value: Any, attr: str | None = None, data: Any = None, **options: Any) -> Any:
        """Load a title; None if it shows nothing."""
        text = drop_controls(value) if isinstance(value, str) else value
        if isinstance(text, str) and not is_visible(text):
            return None
        return super().deserialize(text, attr, data, **options)


class HashtagList(BoundedList):
    """Hashtags, also in one text; one that cannot be read is None, and of very many the first are read."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> list[Any]:
        listed = split_hashtags(value)
        sent = listed[:MAX_HASHTAGS_SENT] if isinstance(listed, list) else listed
        return super()._deserialize(sent, attr, data, **options)


def split_hashtags(value: Any) -> Any:
    """Return the list of the hashtags in a text; any other value as it is, as a text with a list in it."""
    if not isinstance(value, str) or _OF_LISTS.search(value):
        return value
    return [*filter(None, _BETWEEN.split(value))]


class Duration(LeftOutIfOdd, fields.Integer):
    """A length in whole seconds, rounded down; a value that is none is left out."""

    def _deserialize(self, value: Any, *_where: Any, **_options: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.make_error("invalid")
        return floor(value)


class MetadataSchema(StrictSchema):
    """Public metadata of a target. It replaces earlier metadata; an absent field, or null, is unknown."""

    @post_load(pass_original=True)
    def _add_takings(self, loaded: dict[str, Any], sent: dict[str, Any], **_options: Any) -> dict[str, Any]:
        taken = [
            Taken(name, how) for name in _TEXTS for how in takings_of_text(sent.get(name), loaded.get(name))
        ]
        taken += takings_of_absent((*_TEXTS, *_OPTIONAL), sent, loaded)
        if (seconds := loaded.get("duration_seconds")) is not None and seconds != sent["duration_seconds"]:
            taken.append(Taken("duration_seconds", "whole seconds, rounded down"))
        hashtags, of_hashtags = _take_hashtags(loaded.get("hashtags") or (), sent.get("hashtags"))
        return {**loaded, "hashtags": hashtags, "taken": [*taken, *of_hashtags]}


def _take_hashtags(loaded: Sequence[str | None], sent: Any) -> tuple[list[str], list[Taken]]:
    """Return the hashtags to keep, one of each spelling, and how they were taken otherwise than sent."""
    sent_tags = split_hashtags(sent) or ()
    taken = []
    if isinstance(sent, str):
        taken.append(Taken("hashtags", "a list, split at #, spaces and commas" if sent_tags else ABSENT))
    spellings: dict[str, str] = {}
    for index, hashtag in enumerate(loaded):
        if hashtag is None:
            taken.append(Taken(f"hashtags.{index}", ABSENT))
            continue
        spellings.setdefault(spelling_key(hashtag), hashtag)
        if sent_tags[index].strip().startswith(tuple(_SIGNS)):
            taken.append(Taken(f"hashtags.{index}", "without its #"))
    if len(spellings) > MAX_HASHTAGS or len(sent_tags) > MAX_HASHTAGS_SENT:
        taken.append(Taken("hashtags", f"its first {MAX_HASHTAGS} hashtags"))
    return [*islice(spellings.values(), MAX_HASHTAGS)], taken


class VideoMetadataSchema(MetadataSchema):
    """Public metadata of a video. It replaces earlier metadata; an absent field, or null, is unknown."""

    posted_at = Timestamp(
        required=True,
        metadata={
            "description": "Time of posting; never changes. The schedule of releases starts then, or at the "
            "registration of a video that is registered long after that."
        },
    )
    creator_id = OptionalPublicId(metadata={"description": "The creator who posted it."})
    title = Title(
        MAX_TITLE_CHARACTERS,
        cut=True,
        allow_none=True,
        metadata={
            "description": "Its title or caption, on one line. A longer one is cut to "
            f"{MAX_TITLE_CHARACTERS} characters."
        },
    )
    hashtags = HashtagList(
        Hashtag(MAX_HASHTAG_CHARACTERS, allow_none=True),
        MAX_HASHTAGS_SENT,
        "a list of hashtags, or a text with spaces or commas between them",
        allow_none=True,
        metadata={
            "description": f"Its hashtags without #; the first {MAX_HASHTAGS} are kept. Of spellings that "
            "differ in case, width or invisible characters, the first is kept."
        },
    )
    sound_id = OptionalPublicId(metadata={"description": "The sound that it uses."})
    duration_seconds = Duration(
        allow_none=True,
        validate=Range(0, MAX_DURATION_SECONDS, error=f"is out of range; 0 to {MAX_DURATION_SECONDS}"),
        error_messages=error_messages(f"a whole number from 0 to {MAX_DURATION_SECONDS}", "a whole number"),
        metadata={"description": "Its length in seconds, rounded down; 0 for a photo."},
    )


class CreatorMetadataSchema(MetadataSchema):
    """Public metadata of a creator. It replaces earlier metadata; an absent field, or null, is unknown."""

    counted_from = Timestamp(
        required=True,
        metadata={
            "description": "Time from which followers are counted: the start of the schedule of releases; "
            "never changes."
        },
    )
    name = Title(
        MAX_TITLE_CHARACTERS, cut=True, allow_none=True, metadata={"description": "The name that is shown."}
    )


class VideoToRegisterSchema(VideoMetadataSchema):
    """A video in a batch: its metadata and its id."""

    video_id = PublicId(required=True, metadata={"description": "Id of the video."})


class CreatorToRegisterSchema(CreatorMetadataSchema):
    """A creator in a batch: its metadata and its id."""

    creator_id = PublicId(required=True, metadata={"description": "Id of the creator."})


def video_metadata(video_id: str, loaded: dict[str, Any]) -> TargetMetadata:
    """Return the metadata of a video from what was loaded."""
    return TargetMetadata(
        target_type=TargetType.VIDEO,
        target_id=video_id,
        starts_at_ms=loaded["posted_at"],
        creator_id=loaded.get("creator_id"),
        title=_plain(loaded.get("title")),
        hashtags=tuple(loaded["hashtags"]),
        sound_id=loaded.get("sound_id"),
        duration_seconds=loaded.get("duration_seconds"),
    )


def creator_metadata(creator_id: str, loaded: dict[str, Any]) -> TargetMetadata:
    """Return the metadata of a creator from what was loaded."""
    return TargetMetadata(
        target_type=TargetType.CREATOR,
        target_id=creator_id,
        starts_at_ms=loaded["counted_from"],
        title=_plain(loaded.get("name")),
    )


def _plain(text: str | None) -> str | None:
    """Return a text without its mark that it was cut."""
    return None if text is None else str(text)
