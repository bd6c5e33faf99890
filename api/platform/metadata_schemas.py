"""Public metadata of videos and creators, as a platform sends it."""

from itertools import islice
from math import floor
from typing import Any

from marshmallow import ValidationError, fields, post_load
from marshmallow.validate import Range

from api.platform.display_text import DisplayText, is_visible, takings_of_text
from api.platform.field_types import (
    ABSENT,
    BoundedList,
    LeftOutIfOdd,
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
_TEXTS = ("title", "name")


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
    """A title or name; what shows nothing is none."""

    def deserialize(self, value: Any, attr: str | None = None, data: Any = None, **options: Any) -> Any:
        """Load a title; None if it shows nothing."""
        if isinstance(value, str) and not is_visible(value):
            return None
        return super().deserialize(value, attr, data, **options)


class HashtagList(BoundedList):
    """Hashtags; one that cannot be read is None, and of very many the first ones are read."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> list[Any]:
        sent = value[:MAX_HASHTAGS_SENT] if isinstance(value, list) else value
        return super()._deserialize(sent, attr, data, **options)


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
            Taken(name, how) for name in _TEXTS if (how := takings_of_text(sent.get(name), loaded.get(name)))
        ]
        taken += takings_of_absent((*_TEXTS, "duration_seconds"), sent, loaded)
        if (seconds := loaded.get("duration_seconds")) is not None and seconds != sent["duration_seconds"]:
            taken.append(Taken("duration_seconds", "whole seconds, rounded down"))
        spellings: dict[str, str] = {}
        sent_tags = sent.get("hashtags") or ()
        for index, hashtag in enumerate(loaded.get("hashtags") or ()):
            if hashtag is None:
                taken.append(Taken(f"hashtags.{index}", ABSENT))
                continue
            spellings.setdefault(spelling_key(hashtag), hashtag)
            if sent_tags[index].strip().startswith(tuple(_SIGNS)):
                taken.append(Taken(f"hashtags.{index}", "without its #"))
        if len(spellings) > MAX_HASHTAGS or len(sent_tags) > MAX_HASHTAGS_SENT:
            taken.append(Taken("hashtags", f"its first {MAX_HASHTAGS} hashtags"))
        hashtags = [*islice(spellings.values(), MAX_HASHTAGS)]
        return {**loaded, "hashtags": hashtags, "taken": taken}


class VideoMetadataSchema(MetadataSchema):
    """Public metadata of a video. It replaces earlier metadata; an absent field, or null, is unknown."""

    posted_at = Timestamp(
        required=True,
        metadata={
            "description": "Time of posting; never changes. The schedule of releases starts then, or at the "
            "registration of a video that is registered long after that."
        },
    )
    creator_id = PublicId(allow_none=True, metadata={"description": "The creator who posted it."})
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
        "a list of hashtags",
        allow_none=True,
        metadata={
            "description": f"Its hashtags without #; the first {MAX_HASHTAGS} are kept. Of spellings that "
            "differ in case, width or invisible characters, the first is kept."
        },
    )
    sound_id = PublicId(allow_none=True, metadata={"description": "The sound that it uses."})
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
