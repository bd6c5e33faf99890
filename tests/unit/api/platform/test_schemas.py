"""The rules of the schemas, and that each word is spelled the same everywhere."""

from typing import Any, get_args

import pytest
from marshmallow import ValidationError, fields

from api.platform.events import EventsReportSchema
from api.platform.metadata_schemas import VideoMetadataSchema, VideoToRegisterSchema
from api.platform.operations import operations
from api.platform.schemas import UNLISTED, EventProfileSchema, EventSchema, event_schema
from privacy.catalogue.catalogue import Registration
from privacy.intake.event import EVENT_TYPES, PROFILE_FIELDS, Event, EventAttributes, EventType
from privacy.intake.profile_shape import PASSED_OVER, ProfileShape
from privacy.intake.taken import Taken
from privacy.model.engagement import Verdict

LENIENT = {"account_created_at", "duration_seconds", "network", "visibility", *PROFILE_FIELDS}
LENIENT = LENIENT - {"age_band"} | {"hashtags"}
EVENT = {"type": "like", "account_id": "a", "video_id": "v", "occurred_at": "2026-05-03T14:07:31.250Z"}


def test_an_event_is_loaded_whole() -> None:
    """Every member of the schema is in the event."""
    profile = {name: f"its {name}" for name in PROFILE_FIELDS}
    loaded = EventSchema().load({**EVENT, "profile": profile, "visibility": "private"})
    assert loaded == Event("like", "a", "v", 1_777_817_251_250, EventAttributes(**profile), private=True)


def test_absent_members_are_undisclosed_and_public() -> None:
    """Profile, its members and visibility may be left out."""
    public = Event("like", "a", "v", 1_777_817_251_250, EventAttributes(), private=False)
    assert EventSchema().load(EVENT) == public
    assert EventSchema().load({**EVENT, "profile": {}, "visibility": "public"}) == public


def test_words_are_the_same_everywhere() -> None:
    """Types of events and fields of profiles are spelled in two places each; they agree."""
    assert get_args(EventType) == tuple(EVENT_TYPES)
    assert tuple(EventProfileSchema().fields) == PROFILE_FIELDS


@pytest.mark.parametrize("name", ["city", "fields", "load", "unknown", "from", "shape", "dimension_city"])
def test_an_event_says_what_a_policy_declares(name: str) -> None:
    """The schema of a store's policies loads their own dimensions, whatever they are called."""
    shape = ProfileShape(frozenset({"city", name}))
    schema = event_schema(shape)()
    event = schema.load({**EVENT, "profile": {name: "Ghent", "gender": "female", "cities": [1]}})
    assert getattr(event.profile, name) == "Ghent"
    assert event.taken == (
        Taken("profile.cities", PASSED_OVER),
        Taken("profile.gender", PASSED_OVER),
    )
    odd = schema.load({**EVENT, "profile": {name: 7}})
    assert getattr(odd.profile, name) == UNLISTED


@pytest.mark.parametrize(
    "schema", [EventSchema, EventProfileSchema, VideoMetadataSchema, VideoToRegisterSchema]
)
def test_errors_have_a_message_and_an_expected_value(schema: Any) -> None:
    """Every field has them for values of wrong types, and for null where it is required."""
    values: tuple[Any, ...] = (None, 5.5, [{}])
    strict = {name: field for name, field in schema().fields.items() if name not in LENIENT}
    for name, field in strict.items():
        for wrong in values[field.allow_none :]:
            with pytest.raises(ValidationError) as refused:
                schema().load({name: wrong}, partial=True)
            message = refused.value.messages_dict[name]
            text = message[0] if isinstance(message, list) else str(message)
            fault, _, rule = text.partition("; ")
            assert fault, name
            assert rule, name


@pytest.mark.parametrize("operation", operations(), ids=lambda operation: operation.operation_id)
def test_examples_keep_their_own_schemas(operation: Any) -> None:
    """Documented requests are valid, and documented responses match their schemas."""
    if operation.body:
        assert operation.body.schema(many=operation.body.many).validate(operation.body.example) == {}
    for response in operation.responses.values():
        if response.schema and response.example is not None:
            assert response.schema().validate(response.example) == {}


def test_reports_count_every_verdict() -> None:
    """The documented counts are those of the report."""
    (of_videos,) = (op.responses[200].schema for op in operations() if op.operation_id == "post_videos")
    assert of_videos
    events, videos = (schema().fields["verdicts"] for schema in (EventsReportSchema, of_videos))
    assert isinstance(events, fields.Nested)
    assert isinstance(videos, fields.Nested)
    assert list(events.schema.fields) == [verdict.value for verdict in Verdict]
    assert list(videos.schema.fields) == [*(word.value for word in Registration), "invalid"]
