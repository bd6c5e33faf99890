"""`POST /v1/moderation/purges`: uncounts a network of bots, or takes that back; a job."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from io import BytesIO
from itertools import islice

import msgspec
from marshmallow import fields
from werkzeug.exceptions import RequestEntityTooLarge

from api.http.arguments import load
from api.http.idempotency import IdempotencyHeaderSchema
from api.http.operation import Body, Operation, Request, Response, ResponseDoc, json_response
from api.http.request_body import inflate, parse_json
from api.platform.batch import GZIP, NDJSON
from api.platform.fields import AccountId
from api.platform.moderation.jobs import JOB_EXAMPLE, JobSchema, job_document
from api.platform.services import PlatformServices
from api.platform.staff import ONCE, StrictActionSchema, actor_of, problem, word
from privacy.errors import InvalidInputError
from privacy.model.identifier import IDENTIFIER_PATTERN
from privacy.moderation.audit_trail import ActionStage, AuditEntry, run_audited
from privacy.moderation.jobs import JobKind, JobRequest
from privacy.vault.pseudonym import AccountHandle, Pseudonymiser

MAX_ACCOUNTS = 1_000_000
MAX_PURGE_BYTES = 96 * 1024 * 1024
"""As sent, and again when inflated: a million lines with ids of eighty characters."""
ACCOUNTS_PER_STEP = 10_000
_JSON_SPACE = b" \t\r\n"
HANDLE_RULE = "32 hexadecimal digits, from an advisory"
_LINE_RULE = "an object with exactly one of account_id and handle"
_DESCRIPTION = f"""\
Takes a list of up to {MAX_ACCOUNTS:,} accounts, one JSON object a line: `account_id`, or the `handle` that
an advisory gave.
`purge` uncounts all their engagements, and what they do from now on, with the reason `inauthentic`;
`reinstate` takes that
back. It is done by a job. A line that breaks a rule refuses the whole list, and nothing is done.

An account whose owner deleted it or objects to analytics stays as it is: it counts nowhere anyway.

{ONCE}"""


class PurgeQuerySchema(StrictActionSchema):
    """What is to be done with the list."""

    action = word(
        ("purge", "reinstate"), load_default="purge", metadata={"description": "Purge, or take it back."}
    )


class PurgeLineSchema(StrictActionSchema):
    """One account of a list."""

    class Meta:
        """A line has no note of its own."""

        exclude = ("note",)

    account_id = AccountId(metadata={"description": "The account."})
    handle = fields.String(metadata={"description": f"The account, as an advisory names it: {HANDLE_RULE}."})


class _PlainLine(msgspec.Struct, forbid_unknown_fields=True):
    """A line as nearly all are: one member, nothing escaped."""

    account_id: str | None = None
    handle: str | None = None


_QUOTES_PER_PLAIN_LINE = 4
_DECODE_PLAIN = msgspec.json.Decoder(_PlainLine).decode


def post_purge(services: PlatformServices, call: Request) -> Response:
    """Queue a job for a list of accounts.

    Raises:
        InvalidInputError: the list breaks a rule; nothing was done.
        RequestEntityTooLarge: it is too long.
    """
    gzipped = call.headers.get("Content-Encoding", "").lower() == GZIP
    raw = inflate(call.body, MAX_PURGE_BYTES) if gzipped else call.body
    kind = JobKind.PURGE if call.query["action"] == "purge" else JobKind.REINSTATEMENT
    note, actor = call.query["note"], actor_of(call)
    entry = AuditEntry(ActionStage.REQUESTED, f"accounts.{kind.value}", *actor, note)

    def act() -> Response:
        keys = services.moderation.keys.current
        handles = [*_handles(keys, raw)]
        job = run_audited(
            services.moderation.trail,
            entry,
            lambda: services.moderation.jobs.open(JobRequest(kind, *actor, note), handles, call.now_ms),
            lambda job: {"job": job.number, "accounts": job.accounts},
        )
        answer = json_response(job_document(job), status=202)
        return msgspec.structs.replace(answer, headers={"Location": f"/v1/jobs/{job.number}"})

    return services.idempotency.run_idempotent(
        call, f"POST /v1/moderation/purges {kind.value} {note}", raw, act
    )


def _handles(keys: Pseudonymiser, raw: bytes) -> Iterator[list[AccountHandle]]:
    """The accounts of a list, some at a time; all of it is read before anything is done."""
    lines = (line for line in BytesIO(raw) if line.strip(_JSON_SPACE))
    count = 0
    while batch := list(islice(lines, ACCOUNTS_PER_STEP)):
        read = [_line(line, count + place) for place, line in enumerate(batch)]
        count += len(batch)
        if count > MAX_ACCOUNTS:
            raise RequestEntityTooLarge(f"The list holds more than {MAX_ACCOUNTS} accounts.")
        yield [
            *keys.derive_handles([line for line in read if isinstance(line, str)]),
            *keys.parse_handles([line for line in read if isinstance(line, bytes)]),
        ]
    if not count:
        raise InvalidInputError("body", "holds nothing", f"1 to {MAX_ACCOUNTS} accounts")


def _line(line: bytes, place: int) -> str | bytes:
    """Account id or handle of a line; what is wrong with it is said without repeating it."""
    try:
        return _name(*_members(line))
    except InvalidInputError as error:
        raise InvalidInputError(f"line {place}", error.message, error.expected) from None


def _name(account_id: str | None, handle: str | None) -> str | bytes:
    if (account_id is None) == (handle is None):
        raise InvalidInputError("line", "names no account, or two", _LINE_RULE)
    return _handle(handle) if account_id is None else account_id


def _members(line: bytes) -> tuple[str | None, str | None]:
    """What a line names: by the compiled decoder where that is certain to give what the schema gives."""
    if line.count(b'"') == _QUOTES_PER_PLAIN_LINE and b"\\" not in line:
        with suppress(ValueError):  # msgspec's errors are ValueErrors, as is bad UTF-8
            plain = _DECODE_PLAIN(line)
            if plain.account_id is None or _IDENTIFIER.fullmatch(plain.account_id):
                return plain.account_id, plain.handle
    loaded = load(PurgeLineSchema(), parse_json(line, "line"))
    return loaded.get("account_id"), loaded.get("handle")


def _handle(text: str | None) -> bytes:
    if text is None or not _HANDLE.fullmatch(text):
        raise InvalidInputError("handle", "is no handle", HANDLE_RULE)
    return bytes.fromhex(text)


_IDENTIFIER = re.compile(IDENTIFIER_PATTERN)
_HANDLE = re.compile("[0-9a-f]{32}")


def operation() -> Operation[PlatformServices]:
    """Describe the operation."""
    return Operation(
        method="POST",
        path="/v1/moderation/purges",
        operation_id="post_moderation_purge",
        summary="Purge a network of bots",
        description=_DESCRIPTION,
        tag="platform",
        scope="moderate",
        handler=post_purge,
        responses={
            202: ResponseDoc("The job is queued; `Location` says where to look.", JobSchema, JOB_EXAMPLE),
            409: problem("The request with this Idempotency-Key is being carried out."),
            422: problem("This Idempotency-Key belongs to another request."),
        },
        query_schema=PurgeQuerySchema,
        header_schema=IdempotencyHeaderSchema,
        body=Body(
            PurgeLineSchema,
            [{"account_id": "a-2001"}, {"handle": "0f" * 16}],
            MAX_PURGE_BYTES,
            media_types=(NDJSON,),
            encodings=(GZIP,),
            many=True,
        ),
    )
