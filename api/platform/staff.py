"""What all calls of staff have in common: a note, an actor, one way to be carried out once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from marshmallow import Schema, fields
from marshmallow.validate import OneOf

from api.http.arguments import load
from api.http.idempotency import HEADER, IdempotencyHeaderSchema
from api.http.openapi import ProblemSchema
from api.http.operation import Body, Operation, Request, Response, ResponseDoc
from api.http.problems import PROBLEM_JSON
from api.http.request_body import parse_json
from api.platform.fields import AccountId, DisplayText, messages
from api.platform.services import PlatformServices
from privacy.moderation.audit_trail import Actor

MAX_NOTE_CHARACTERS = 500
MAX_ORDER_BYTES = 64 * 1024
ONCE = f"""\
Every call is written to the audit trail, before and after. Doing it again changes nothing; with an
`{HEADER}` it gets the
same answer, with `Idempotency-Replayed: true`."""


class StrictActionSchema(Schema):
    """What staff ask for: known fields only, and always a reason."""

    error_messages = {  # noqa: RUF012 - marshmallow's own way to say it, annotated in its base class
        "unknown": "is not a field here; one of those in openapi.yaml",
        "type": "is no object; a JSON object",
    }
    note = DisplayText(
        MAX_NOTE_CHARACTERS,
        required=True,
        metadata={"description": "Why, for the audit trail. Name no person in it."},
    )


class AccountActionSchema(StrictActionSchema):
    """An order about one account."""

    account_id = AccountId(
        required=True,
        metadata={"description": "The account; stored and logged nowhere, a keyed hash takes its place."},
    )


def word(values: tuple[str, ...], **options: Any) -> fields.String:
    """A field that takes some words only."""
    rule = f"one of {', '.join(values)}"
    validate = OneOf(values, error=f"is none of the known words; {rule}")
    return fields.String(validate=validate, error_messages=messages(rule), **options)


class Flag(fields.Boolean):
    """A field that is true or false and nothing like it."""

    def __init__(self, description: str) -> None:
        super().__init__(required=True, error_messages=_FLAG_MESSAGES, metadata={"description": description})

    def _deserialize(self, value: Any, *_where: Any, **_options: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


_FLAG_MESSAGES = messages("true or false", "boolean")


def actor_of(call: Request) -> Actor:
    """Who calls."""
    if call.key is None:
        raise AssertionError("every call of staff needs a key")
    return Actor(call.key.owner, call.key.key_id)


def problem(description: str) -> ResponseDoc:
    """A documented problem."""
    return ResponseDoc(description, ProblemSchema, media_type=PROBLEM_JSON)


def once(
    services: PlatformServices,
    call: Request,
    operation: str,
    schema: type[Schema],
    act: Callable[[dict[str, Any]], Response],
) -> Response:
    """Read an order and carry it out, once for each Idempotency-Key.

    Args:
        services: of the plane.
        call: the request.
        operation: method and path.
        schema: of the order.
        act: carries out what the schema loaded.

    Raises:
        InvalidInputError: the order breaks a rule.
    """
    order = load(schema(), parse_json(call.body))
    return services.idempotency.run_idempotent(call, operation, call.body, lambda: act(order))


class OrderOperation(NamedTuple):
    """A POST that carries an order out at once.

    Args:
        path: of the operation.
        operation_id: its name.
        scope: that the key must have.
        summary: a few words.
        description: what a reader of the docs needs to know.
        handler: answers a checked call.
        body: schema of the order, and an example.
        answer: schema of the answer, and an example.
        conflict: what a 409 says beside a request that is being carried out.
        refusals: further problems by status.
        max_bytes: the largest order.
    """

    path: str
    operation_id: str
    scope: str
    summary: str
    description: str
    handler: Callable[[PlatformServices, Request], Response]
    body: tuple[type[Schema], Mapping[str, Any]]
    answer: tuple[type[Schema], Mapping[str, Any]]
    conflict: str = ""
    refusals: Mapping[int, str] = MappingProxyType({})
    max_bytes: int = MAX_ORDER_BYTES

    def described(self) -> Operation[PlatformServices]:
        """The operation."""
        schema, example = self.body
        in_use = "The request with this Idempotency-Key is being carried out."
        return Operation(
            method="POST",
            path=self.path,
            operation_id=self.operation_id,
            summary=self.summary,
            description=f"{self.description}\n\n{ONCE}",
            tag="platform",
            scope=self.scope,
            handler=self.handler,
            responses={
                200: ResponseDoc("What came of it.", *self.answer),
                409: problem(f"{self.conflict} {in_use}".strip()),
                422: problem("This Idempotency-Key belongs to another request."),
                **{status: problem(text) for status, text in self.refusals.items()},
            },
            header_schema=IdempotencyHeaderSchema,
            body=Body(schema, dict(example), self.max_bytes),
        )
