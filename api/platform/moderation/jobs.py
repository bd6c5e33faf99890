"""`GET /v1/jobs/{job}` and `GET /v1/jobs`: how far long work has come."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields
from marshmallow.validate import Range

from api.http.arguments import PlainInteger
from api.http.operation import Operation, Request, Response, ResponseDoc, json_response
from api.http.pagination import Listing, PageSchema, next_cursor
from api.platform.services import PlatformServices
from privacy.model.timestamp import format_timestamp
from privacy.moderation.jobs import Job, JobKind, JobState

_LISTING = Listing("jobs", 1)
_MAX_JOBS = 999_999_999
JOB_EXAMPLE = {
    "job": 17,
    "kind": "purge",
    "state": "running",
    "owner": "trust-and-safety",
    "note": "bot network 2026-05-03",
    "created_at": "2026-05-03T12:00:00Z",
    "finished_at": None,
    "accounts": 10_000,
    "done": 4_200,
    "counts": {
        "moved": 4_190,
        "unmoved": 10,
        "erased": 0,
        "not_known": 3,
        "uncounted": 418_700,
        "counted": 0,
        "over_cap": 0,
    },
    "failure": None,
}


class JobCountsSchema(Schema):
    """What a job has done so far."""

    moved = fields.Integer(
        required=True, metadata={"description": "Accounts that came to their new standing."}
    )
    unmoved = fields.Integer(
        required=True, metadata={"description": "Accounts that had it, or may not come to it from theirs."}
    )
    erased = fields.Integer(required=True, metadata={"description": "Accounts that were erased before."})
    not_known = fields.Integer(
        required=True,
        metadata={"description": "Of those that moved, accounts of which nothing was held."},
    )
    uncounted = fields.Integer(
        required=True, metadata={"description": "Engagements that are not counted any more."}
    )
    counted = fields.Integer(
        required=True, metadata={"description": "Engagements that are counted now and were not."}
    )
    over_cap = fields.Integer(
        required=True, metadata={"description": "Engagements that found their account's day full."}
    )


class JobSchema(Schema):
    """A job; it names no account."""

    job = fields.Integer(required=True, metadata={"description": "Its number."})
    kind = fields.String(
        required=True,
        metadata={"enum": [kind.value for kind in JobKind], "description": "What it does."},
    )
    state = fields.String(
        required=True,
        metadata={"enum": [state.value for state in JobState], "description": "Where it stands."},
    )
    owner = fields.String(required=True, metadata={"description": "Whose key asked for it."})
    note = fields.String(required=True, metadata={"description": "Why."})
    created_at = fields.DateTime(required=True, metadata={"description": "When it was asked for."})
    finished_at = fields.DateTime(
        required=True, allow_none=True, metadata={"description": "When it ended; null before."}
    )
    accounts = fields.Integer(required=True, metadata={"description": "How many it was given."})
    done = fields.Integer(required=True, metadata={"description": "How many it is through with."})
    counts = fields.Nested(JobCountsSchema, required=True)
    failure = fields.String(
        required=True, allow_none=True, metadata={"description": "Why it failed; null if it did not."}
    )


class JobsSchema(Schema):
    """Jobs, newest first."""

    jobs = fields.List(fields.Nested(JobSchema), required=True)
    next_cursor = next_cursor("older")


class JobPathSchema(Schema):
    """Path arguments of a job."""

    job = PlainInteger(
        required=True,
        validate=Range(1, _MAX_JOBS),
        metadata={"description": "Number of the job.", "example": 17},
    )


def job_document(job: Job) -> dict[str, Any]:
    """A job as it is answered."""
    finished_ms = job.finished_at_ms
    return {
        "job": job.number,
        "kind": job.kind.value,
        "state": job.state.value,
        "owner": job.owner,
        "note": job.note,
        "created_at": format_timestamp(job.created_at_ms),
        "finished_at": None if finished_ms is None else format_timestamp(finished_ms),
        "accounts": job.accounts,
        "done": job.progress.done,
        "counts": job.progress.counts(),
        "failure": job.failure,
    }


def get_job(services: PlatformServices, call: Request) -> Response:
    """Answer a job.

    Raises:
        NotFoundError: there is none, or not any more.
    """
    return json_response(job_document(services.moderation.jobs.find(int(call.path["job"]))))


def get_jobs(services: PlatformServices, call: Request) -> Response:
    """Answer a page of jobs.

    Raises:
        InvalidInputError: the cursor is none of this list.
    """
    position, limit = _LISTING.asked_for(call)
    page = services.moderation.jobs.read_page(position[0] if position else None, limit)
    last = page.oldest_number
    return json_response(
        {
            "jobs": [job_document(job) for job in page.jobs],
            "next_cursor": _LISTING.cursor((last,) if last > 1 else None),
        }
    )


def operations() -> tuple[Operation[PlatformServices], ...]:
    """Describe the operations."""
    return (
        Operation(
            method="GET",
            path="/v1/jobs/{job}",
            operation_id="get_job",
            summary="One job",
            description="How far a job has come. It is kept for a time after its end, as the policy says.",
            tag="platform",
            scope="moderate",
            handler=get_job,
            responses={200: ResponseDoc("The job.", JobSchema, JOB_EXAMPLE)},
            path_schema=JobPathSchema,
        ),
        Operation(
            method="GET",
            path="/v1/jobs",
            operation_id="get_jobs",
            summary="Jobs",
            description="Jobs, newest first.",
            tag="platform",
            scope="moderate",
            handler=get_jobs,
            responses={
                200: ResponseDoc("A page of them.", JobsSchema, {"jobs": [JOB_EXAMPLE], "next_cursor": None})
            },
            query_schema=PageSchema,
        ),
    )
