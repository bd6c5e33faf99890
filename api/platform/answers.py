"""Schemas of the platform plane's answers, for the OpenAPI document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from marshmallow import Schema, fields

from api.platform.report import INVALID
from privacy.model.engagement import Verdict
from privacy.tally.catalogue import Registration

if TYPE_CHECKING:
    from enum import Enum


def _verdict(verdicts: type[Enum]) -> fields.String:
    words = dict.fromkeys([*(verdict.value for verdict in verdicts), INVALID])
    return fields.String(required=True, metadata={"enum": list(words), "description": "What became of it."})


def _counts(verdicts: type[Enum]) -> fields.Nested:
    words = dict.fromkeys([*(verdict.value for verdict in verdicts), INVALID])
    schema = Schema.from_dict(
        {word: fields.Integer(required=True) for word in words}, name=f"{verdicts.__name__}Counts"
    )
    return fields.Nested(schema, required=True, metadata={"description": "How many met each verdict."})


def _received() -> fields.Integer:
    return fields.Integer(required=True, metadata={"description": "Number of items in the batch."})


class ItemProblemSchema(Schema):
    """What is wrong with an invalid item."""

    field = fields.String(required=True, metadata={"description": "The offending field."})
    fault = fields.String(required=True, metadata={"description": "What is wrong with it."})
    rule = fields.String(required=True, metadata={"description": "What a right value looks like."})


class _ListedItemSchema(Schema):
    index = fields.Integer(
        required=True, metadata={"description": "Place in the batch, from 0; blank lines have none."}
    )
    problem = fields.Nested(ItemProblemSchema, metadata={"description": "With the verdict `invalid` only."})


class ListedEventSchema(_ListedItemSchema):
    """An event that was not counted."""

    verdict = _verdict(Verdict)


class ListedVideoSchema(_ListedItemSchema):
    """A video that was not registered."""

    verdict = _verdict(Registration)


class EventsAnswerSchema(Schema):
    """What became of a batch of events."""

    received = _received()
    verdicts = _counts(Verdict)
    not_counted = fields.List(
        fields.Nested(ListedEventSchema),
        required=True,
        metadata={"description": "Every event whose verdict is neither `counted` nor `uncounted`."},
    )


class VideosAnswerSchema(Schema):
    """What became of a batch of videos."""

    received = _received()
    verdicts = _counts(Registration)
    not_registered = fields.List(
        fields.Nested(ListedVideoSchema),
        required=True,
        metadata={"description": "Every video whose verdict is `conflict` or `invalid`."},
    )


class VideoAnswerSchema(Schema):
    """What became of a video."""

    video_id = fields.String(required=True, metadata={"description": "Id of the video."})
    verdict = fields.String(
        required=True,
        metadata={"enum": ["created", "updated", "unchanged"], "description": "What became of it."},
    )
