"""`POST /v1/moderation/purges`: starts a job that uncounts a network of bots, or reinstates it."""

import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice

import msgspec
from marshmallow import fields
from werkzeug.exceptions import RequestEntityTooLarge

from api.http.arguments import load
from api.http.idempotency import IdempotencyHeaderSchema, idempotency_problems
from api.http.operation import LOCATION, Body, Operation, Request, Response, ResponseDoc, json_response
from api.http.request_body import parse_json
from api.platform.batch import GZIP, NDJSON, decoded_body, split_lines
from api.platform.field_types import AccountId, StrictSchema, one_of
from api.platform.moderation.jobs import JOB_EXAMPLE, JobSchema, job_document
from api.platform.services import PlatformServices
from api.platform.staff import AUDITED, StrictActionSchema, actor_of, audit_entry
from privacy.errors import InvalidInputError
from privacy.model.identifier import IDENTIFIER_PATTERN
from privacy.moderation.audit_trail import run_audited
from privacy.moderation.jobs import JobKind, JobRequest
from privacy.vault.pseudonym import AccountHandle, Pseudonymiser

PATH = "/v1/moderation/purges"
MAX_ACCOUNTS = 1_000_000
MAX_PURGE_BYTES = 96 * 1024 * 1024
"""As sent, and again after inflation: a million lines with ids of eighty characters."""
ACCOUNTS_PER_STEP = 10_000
HANDLE_RULE = "32 hexadecimal digits, from an advisory"
_LINE_RULE = "an object with exactly one of account_id and handle"
_IDENTIFIER = re.compile(IDENTIFIER_PATTERN)
_HANDLE = re.compile("[0-9a-f]{32}")
_QUOTES_PER_PLAIN_LINE = 4
_DESCRIPTION = f"""\
Takes a list of up to {MAX_ACCOUNTS:,} accounts, one JSON object per line: `account_id`, or the `handle` \
from an advisory. `purge` uncounts all their present and future engagements with the reason `inauthentic`; \
`reinstate` takes that back. A job does the work. If one line breaks a rule, the whole list is refused and \
nothing is done.

An account that its owner deleted, or that objects to analytics, keeps its status: it is not counted anyway.

{AUDITED}"""


class PurgeQuerySchema(StrictActionSchema):
    """The action on the list."""

    action = one_of(
        ("purge", "reinstate"), load_default="purge", metadata={"description": "Purge, or take a purge back."}
    )


class PurgeLineSchema(StrictSchema):
    """An account of a list."""

    account_id = AccountId(metadata={"description": "The account."})
    handle = fields.String(metadata={"description": f"The account, as an advisory names it: {HANDLE_RULE}."})


class _PlainLine(msgspec.Struct, forbid_unknown_fields=True):
    """A line like nearly all are: one member, without escapes."""

    account_id: str | None = None
    handle: str | None = None


_DECODE_PLAIN = msgspec.json.Decoder(_PlainLine).decode


def post_purge(services: PlatformServices, request: Request) -> Response:
    """Queue a job for a list of accounts.

    Raises:
        InvalidInputError: the list breaks a rule; nothing was done.
        RequestEntityTooLarge: it is too long.
    """
    raw = decoded_body(request, MAX_PURGE_BYTES)
    kind = JobKind.PURGE if request.query["action"] == "purge" else JobKind.REINSTATEMENT
    note = request.query["note"]

    def act() -> Response:
        handles = [*_parse_handles(services.moderation.keys.current, raw)]
        job_request = JobRequest(kind, *actor_of(request), note)
        job = run_audited(
            services.moderation.trail,
            audit_entry(request, f"accounts.{kind.value}", note),
            lambda: services.moderation.jobs.open(job_request, handles, request.now_ms),
            lambda job: {"job": job.number, "accounts": job.accounts},
        )
        response = json_response(job_document(job), status=202)
        return msgspec.structs.replace(response, headers={LOCATION: f"/v1/jobs/{job.number}"})

    return services.idempotency.run_idempotent(request, f"POST {PATH} {kind.value} {note}", raw, act)


def _parse_handles(keys: Pseudonymiser, raw: bytes) -> Iterator[list[AccountHandle]]:
    """Parse a list in steps; all of it is parsed before anything is done."""
    lines = split_lines(raw)
    count = 0
    while step := list(islice(lines, ACCOUNTS_PER_STEP)):
        names = [_parse_line(line, number) for number, line in enumerate(step, count + 1)]
        count += len(step)
        if count > MAX_ACCOUNTS:
            raise RequestEntityTooLarge(f"The list has more than {MAX_ACCOUNTS} accounts.")
        yield [
            *keys.derive_handles([name for name in names if isinstance(name, str)]),
            *keys.parse_handles([name for name in names if isinstance(name, bytes)]),
        ]
    if not count:
        raise InvalidInputError("body", "is empty", f"1 to {MAX_ACCOUNTS} accounts")


def _parse_line(line: bytes, number: int) -> str | bytes:
    """Return the account id or the handle of a line; the error does not repeat it.

    Lines that are not blank count from 1.
    """
    try:
        return _parse_name(*_parse_members(line))
    except InvalidInputError as error:
        raise InvalidInputError(f"line {number}", error.message, error.expected) from None


def _parse_name(account_id: str | None, handle: str | None) -> str | bytes:
    if (account_id is None) == (handle is None):
        raise InvalidInputError("line", "names no account, or two", _LINE_RULE)
    return _parse_handle(handle) if account_id is None else account_id


def _parse_members(line: bytes) -> tuple[str | None, str | None]:
    """Parse a line with the compiled decoder where the schema would certainly give the same."""
    if line.count(b'"') == _QUOTES_PER_PLAIN_LINE and b"\\" not in line:
        with suppress(ValueError):  # msgspec's errors are ValueErrors, as is invalid UTF-8
            plain = _DECODE_PLAIN(line)
            if plain.account_id is None or _IDENTIFIER.fullmatch(plain.account_id):
                return plain.account_id, plain.handle
    loaded = load(PurgeLineSchema(), parse_json(line, "line"))
    return loaded.get("account_id"), loaded.get("handle")


def _parse_handle(text: str | None) -> bytes:
    if text is None or not _HANDLE.fullmatch(text):
        raise InvalidInputError("handle", "is not a handle", HANDLE_RULE)
    return bytes.fromhex(text)


OPERATION = Operation(
    method="POST",
    path=PATH,
    operation_id="post_moderation_purge",
    summary="Purge a network of bots",
    description=_DESCRIPTION,
    tag="platform",
    scope="moderate",
    handler=post_purge,
    responses={
        202: ResponseDoc(
            "The job is queued; `Location` is the path of its progress.",
            JobSchema,
            JOB_EXAMPLE,
            headers=(LOCATION,),
        ),
        **idempotency_problems(),
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
