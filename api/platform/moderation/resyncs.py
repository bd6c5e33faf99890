"""`POST /v1/moderation/resyncs`: repairs an account's engagements from the platform's own list."""

from dataclasses import asdict
from functools import lru_cache
from typing import Any

from marshmallow import Schema, fields

from api.http.operation import Request, Response, json_response
from api.platform.batch import TAKEN_AS, taken_as
from api.platform.field_types import BoundedList, Timestamp, one_of
from api.platform.schemas import MAX_SHAPES, LoadedProfile, VisibilityField, profile_field
from api.platform.services import PlatformServices
from api.platform.staff import (
    KINDS,
    AccountActionSchema,
    StaffOperation,
    TargetNameSchema,
    audit_entry,
    kind_of,
    named_target,
    run_idempotent,
)
from privacy.errors import InvalidInputError
from privacy.intake.event import EventAttributes
from privacy.intake.profile_shape import ProfileShape
from privacy.intake.taken import Takings
from privacy.model.engagement import TargetType
from privacy.moderation.audit_trail import run_audited
from privacy.moderation.resync import AccountSnapshot

PATH = "/v1/moderation/resyncs"
MAX_ENGAGEMENTS = 100_000
MAX_BYTES = 16 * 1024 * 1024
_DESCRIPTION = """\
Send the complete list of an account's engagements of one kind, as they were at `as_of`. Engagements that \
only the list has are counted from now on, whatever their number: the rule against bursts compares times of \
events, and these have none. Engagements that only Likewise has leave the counts with the \
reason `correction`. Events after `as_of` take precedence over the list. Targets that are not registered, \
or are past their last release, are skipped and reported.

`profile` and `visibility` apply to new engagements; those that were counted before keep their cells."""
_EXAMPLE = {
    "account_id": "a-2001",
    "kind": "like",
    "as_of": "2026-05-03T12:00:00Z",
    "profile": {"age_band": "25-34", "region": "DE"},
    "engagements": [{"video_id": "v-4711", "occurred_at": "2026-05-01T08:30:00Z"}],
    "note": "after the outage of 2026-05-02",
}
_RESPONSE = {
    "added": 1,
    "uncounted": 0,
    "removed": 0,
    "unchanged": 240,
    "newer": 0,
    "over_cap": 0,
    "account_closed": 0,
    "unknown_target": 0,
    "past_last_release": 3,
}


class ListedEngagementSchema(TargetNameSchema):
    """An engagement of the list."""

    occurred_at = Timestamp(metadata={"description": "Its start; `as_of` if absent."})


class ResyncSchema(AccountActionSchema):
    """The platform's own list."""

    kind = one_of(KINDS, required=True, metadata={"description": "The kind of all listed engagements."})
    as_of = Timestamp(required=True, metadata={"description": "Time at which the list was correct."})
    profile = profile_field()
    visibility = VisibilityField(metadata={"description": "As in events; public if absent."})
    engagements = BoundedList(
        fields.Nested(ListedEngagementSchema),
        MAX_ENGAGEMENTS,
        f"a list of at most {MAX_ENGAGEMENTS} engagements",
        required=True,
        metadata={"description": "All engagements of the account."},
    )


@lru_cache(maxsize=MAX_SHAPES)
def resync_schema(shape: ProfileShape) -> type[Schema]:
    """Return the schema of lists whose profile has this shape."""
    return type("Resync", (ResyncSchema,), {"profile": profile_field(shape)})


class ResyncResultSchema(Schema):
    """Numbers of engagements by how the list and the vault differed."""

    added = fields.Integer(required=True, metadata={"description": "Added, and counted now."})
    uncounted = fields.Integer(
        required=True,
        metadata={
            "description": "Stored and not counted: the account is kept out of the counts, or they are "
            "blocked, or changed a count as often as one engagement may."
        },
    )
    removed = fields.Integer(
        required=True, metadata={"description": "Removed from the counts with the reason `correction`."}
    )
    unchanged = fields.Integer(required=True, metadata={"description": "The same in both."})
    newer = fields.Integer(
        required=True, metadata={"description": "Different, but an event after `as_of` takes precedence."}
    )
    over_cap = fields.Integer(
        required=True,
        metadata={"description": "Beyond the account's caps; final: do not send them again on another day."},
    )
    account_closed = fields.Integer(
        required=True,
        metadata={"description": "Not stored: the account was erased, or objects to analytics."},
    )
    unknown_target = fields.Integer(required=True, metadata={"description": "Of targets not registered."})
    past_last_release = fields.Integer(
        required=True, metadata={"description": "Of targets that are no longer counted."}
    )
    taken_as = TAKEN_AS["taken_as"]


def post_resync(services: PlatformServices, request: Request) -> Response:
    """Repair an account's engagements of one kind.

    Raises:
        InvalidInputError: the list breaks a rule; nothing was done.
    """
    shape = services.decoder.shape

    def act(action: dict[str, Any]) -> Response:
        profile = action.get("profile") or LoadedProfile(shape.attributes())
        snapshot = _to_snapshot(action, profile.attributes)
        services.moderation.resync.check(snapshot, request.now_ms)
        tag = services.moderation.keys.current.derive_audit_tag(snapshot.account_id)
        report = run_audited(
            services.moderation.trail,
            audit_entry(request, "account.resync", action["note"], {"kind": snapshot.kind.label}, tag),
            lambda: services.moderation.resync.run(snapshot, request.now_ms),
            asdict,
        )
        return json_response(asdict(report) | taken_as(Takings(profile.passed_over)))

    return run_idempotent(services, request, PATH, resync_schema(shape), act)


def _to_snapshot(action: dict[str, Any], profile: EventAttributes) -> AccountSnapshot:
    kind = kind_of(action["kind"])
    return AccountSnapshot(
        account_id=action["account_id"],
        kind=kind,
        as_of_ms=action["as_of"],
        profile=profile,
        private=action.get("visibility") == "private",
        engagements=tuple(
            (
                _target_id(engagement, action["kind"], kind.target_type),
                engagement.get("occurred_at", action["as_of"]),
            )
            for engagement in action["engagements"]
        ),
    )


def _target_id(engagement: dict[str, Any], kind: str, wanted: TargetType) -> str:
    target_type, target_id = named_target(engagement)
    if target_type is not wanted:
        raise InvalidInputError("engagements", f"name a {target_type.value}", f"a {wanted.value} with {kind}")
    return target_id


OPERATION = StaffOperation(
    PATH,
    "post_moderation_resync",
    "moderate",
    "Repair an account from the platform's own list",
    _DESCRIPTION,
    post_resync,
    (ResyncSchema, _EXAMPLE),
    (ResyncResultSchema, _RESPONSE),
    max_bytes=MAX_BYTES,
).build()
