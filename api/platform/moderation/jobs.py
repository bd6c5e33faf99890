"""`GET /v1/jobs/{job}` and `GET /v1/jobs`: shows the progress of long work."""

from typing import Any

from marshmallow import Schema, fields
from marshmallow.validate import Range

from api.http.arguments import PlainInteger
from api.http.operation import Operation, Request, Response, ResponseDoc, json_response
from api.http.pagination import Listing, Position
from api.platform.services import PlatformServices
from privacy.model.timestamp import format_timestamp
from privacy.moderation.jobs import Job, JobKind, JobState

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
    """The results of a job so far."""

    moved = fields.Integer(required=True, metadata={"description": "Accounts that got the new status."})
    unmoved = fields.Integer(
        required=True,
        metadata={"description": "Accounts that had the status, or cannot get it from the one they have."},
    )
    erased = fields.Integer(required=True, metadata={"description": "Accounts that were erased before."})
    not_known = fields.Integer(
        required=True,
        metadata={"description": "Accounts among those that moved about which nothing was stored."},
    )
    uncounted = fields.Integer(
        required=True, metadata={"description": "Engagements that are no longer counted."}
    )
    counted = fields.Integer(required=True, metadata={"description": "Engagements that are newly counted."})
    over_cap = fields.Integer(
        required=True, metadata={"description": "Always 0: caps are decided when an engagement arrives."}
    )


class JobSchema(Schema):
    """A job. It names no account."""

    job = fields.Integer(required=True, metadata={"description": "Its number."})
    kind = fields.String(
        required=True, metadata={"enum": [kind.value for kind in JobKind], "description": "Its kind."}
    )
    state = fields.String(
        required=True, metadata={"enum": [state.value for state in JobState], "description": "Its state."}
    )
    owner = fields.String(required=True, metadata={"description": "Owner of the API key that requested it."})
    note = fields.String(required=True, metadata={"description": "The reason."})
    created_at = fields.DateTime(required=True, metadata={"description": "Time of the request."})
    finished_at = fields.DateTime(
        required=True, allow_none=True, metadata={"description": "Time at which it ended; null before."}
    )
    accounts = fields.Integer(required=True, metadata={"description": "Number of its accounts."})
    done = fields.Integer(required=True, metadata={"description": "Number of accounts that are finished."})
    counts = fields.Nested(JobCountsSchema, required=True)
    failure = fields.String(
        required=True, allow_none=True, metadata={"description": "Why it failed; null if it did not."}
    )


class JobPathSchema(Schema):
    """Path arguments of a job."""

    job = PlainInteger(
        required=True,
        validate=Range(1, _MAX_JOBS, error=f"is out of range; 1 to {_MAX_JOBS}"),
        metadata={"description": "Number of the job.", "example": 17},
    )


def job_document(job: Job) -> dict[str, Any]:
    """Return a job as the API shows it."""
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


def get_job(services: PlatformServices, request: Request) -> Response:
    """Return a job.

    Raises:
        NotFoundError: the job does not exist, or no longer.
    """
    return json_response(job_document(services.moderation.jobs.find(int(request.path["job"]))))


def _fetch(
    services: PlatformServices, after: Position | None, limit: int
) -> tuple[list[dict[str, Any]], Position | None]:
    page = services.moderation.jobs.read_page(after[0] if after else None, limit)
    last = page.oldest_number
    return [job_document(job) for job in page.jobs], (last,) if last > 1 else None


OPERATIONS = (
    Operation(
        method="GET",
        path="/v1/jobs/{job}",
        operation_id="get_job",
        summary="Get a job",
        description="Returns the progress of a job. A job is kept for some time after its end; the policy "
        "says how long.",
        tag="platform",
        scope="moderate",
        handler=get_job,
        responses={200: ResponseDoc("The job.", JobSchema, JOB_EXAMPLE)},
        path_schema=JobPathSchema,
    ),
    Listing(
        path="/v1/jobs",
        operation_id="get_jobs",
        tag="platform",
        scope="moderate",
        summary="List jobs",
        description="Lists jobs, newest first.",
        member="jobs",
        item=(JobSchema, JOB_EXAMPLE),
        further="older",
        integers=1,
        fetch=_fetch,
    ).operation(),
)
