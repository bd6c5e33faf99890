"""The common parts of staff actions: a note, an actor, a named target, and one way to run an action once."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from marshmallow import Schema, ValidationError, fields, validates_schema

from api.http.arguments import load
from api.http.idempotency import HEADER, IdempotencyHeaderSchema, idempotency_problems
from api.http.openapi import problem_doc
from api.http.operation import Body, Operation, Request, Response, ResponseDoc
from api.http.request_body import parse_json
from api.platform.display_text import DisplayText
from api.platform.field_types import AccountId, PublicId, StrictSchema
from api.platform.services import PlatformServices
from privacy.model.engagement import Kind, TargetType
from privacy.moderation.audit_trail import ActionStage, Actor, AuditEntry

MAX_NOTE_CHARACTERS = 500
MAX_ACTION_BYTES = 64 * 1024
KINDS = tuple(kind.label for kind in Kind)
AUDITED = f"""\
Each call is recorded in the audit trail, before and after it runs. Repeating it changes nothing; with an \
`{HEADER}` header, a repeated call gets the same response, with `Idempotency-Replayed: true`."""
_TARGET_FIELDS = {TargetType.VIDEO: "video_id", TargetType.CREATOR: "creator_id"}


class StrictActionSchema(StrictSchema):
    """A staff action: known fields only, and always a reason."""

    note = DisplayText(
        MAX_NOTE_CHARACTERS,
        required=True,
        metadata={"description": "The reason, for the audit trail. Do not name any person in it."},
    )


class AccountActionSchema(StrictActionSchema):
    """A staff action on one account."""

    account_id = AccountId(
        required=True,
        metadata={"description": "The account. It is never stored or logged; a keyed hash takes its place."},
    )


class TargetNameSchema(StrictSchema):
    """Names one target: a video or a creator."""

    video_id = PublicId(metadata={"description": "The video; either this or `creator_id`."})
    creator_id = PublicId(metadata={"description": "The creator; either this or `video_id`."})

    @validates_schema
    def _check_one(self, loaded: dict[str, Any], **_options: Any) -> None:
        named = [field for field in _TARGET_FIELDS.values() if field in loaded]
        if len(named) != 1:
            message = "is given together with creator_id" if named else "is missing"
            raise ValidationError(f"{message}; exactly one of video_id and creator_id", "video_id")


def named_target(loaded: dict[str, Any]) -> tuple[TargetType, str]:
    """Return type and id of the target that a loaded action names."""
    for target_type, field in _TARGET_FIELDS.items():
        if field in loaded:
            return target_type, loaded[field]
    raise AssertionError("the schema requires a target")


def kind_of(label: str) -> Kind:
    """Return the kind that one of `KINDS` names."""
    return Kind[label.upper()]


class ResultSchema(Schema):
    """The result of an action."""

    result = fields.String(
        required=True,
        metadata={"enum": ["applied", "unchanged"], "description": "Whether the action changed anything."},
    )


class RecountSchema(ResultSchema):
    """The result of an action on an account and on its engagements; it names none of them."""

    known = fields.Boolean(
        required=True, metadata={"description": "Whether anything was stored about the account before."}
    )
    counted = fields.Integer(
        required=True, metadata={"description": "Number of engagements that are newly counted."}
    )
    uncounted = fields.Integer(
        required=True, metadata={"description": "Number of engagements that are no longer counted."}
    )


def result_word(*, changed: bool) -> str:
    """Return the `result` of an action."""
    return "applied" if changed else "unchanged"


def actor_of(request: Request) -> Actor:
    """Return the caller."""
    if request.key is None:
        raise AssertionError("staff operations require an API key")
    return Actor(request.key.owner, request.key.key_id)


def audit_entry(
    request: Request,
    action: str,
    note: str,
    details: Mapping[str, Any] = MappingProxyType({}),
    account_tag: str | None = None,
) -> AuditEntry:
    """Return the entry that is written to the audit trail before an action."""
    return AuditEntry(ActionStage.REQUESTED, action, *actor_of(request), note, account_tag, dict(details))


def run_idempotent(
    services: PlatformServices,
    request: Request,
    path: str,
    schema: type[Schema],
    act: Callable[[dict[str, Any]], Response],
) -> Response:
    """Load an action and run it, once per Idempotency-Key.

    Args:
        services: the plane's services.
        request: the request.
        path: path of the operation.
        schema: schema of the action.
        act: runs the loaded action.

    Raises:
        InvalidInputError: the action breaks a rule.
    """
    action = load(schema(), parse_json(request.body))
    return services.idempotency.run_idempotent(request, f"POST {path}", request.body, lambda: act(action))


class StaffOperation(NamedTuple):
    """A POST operation that runs a staff action at once.

    Args:
        path: path of the operation.
        operation_id: its name.
        scope: the scope that an API key must have.
        summary: a few words.
        description: text for the API documentation.
        handler: handles a checked request.
        body: schema of the action, and an example.
        response: schema of the response, and an example.
        conflict: reasons for a 409, as a sentence.
        problems: further problems by status.
        max_bytes: the maximum size of the body.
    """

    path: str
    operation_id: str
    scope: str
    summary: str
    description: str
    handler: Callable[[PlatformServices, Request], Response]
    body: tuple[type[Schema], Mapping[str, Any]]
    response: tuple[type[Schema], Mapping[str, Any]]
    conflict: str = ""
    problems: Mapping[int, str] = MappingProxyType({})
    max_bytes: int = MAX_ACTION_BYTES

    def build(self) -> Operation[PlatformServices]:
        """Return the operation."""
        schema, example = self.body
        return Operation(
            method="POST",
            path=self.path,
            operation_id=self.operation_id,
            summary=self.summary,
            description=f"{self.description}\n\n{AUDITED}",
            tag="platform",
            scope=self.scope,
            handler=self.handler,
            responses={
                200: ResponseDoc("The result.", *self.response),
                **idempotency_problems(self.conflict),
                **{status: problem_doc(text) for status, text in self.problems.items()},
            },
            header_schema=IdempotencyHeaderSchema,
            body=Body(schema, dict(example), self.max_bytes),
        )
