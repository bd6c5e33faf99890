"""`POST /v1/query` and `GET /v1/query`: numbers of many targets in one answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from marshmallow import Schema, fields

from api.http.arguments import load
from api.http.operation import Body, Operation, Request, Response, ResponseDoc, json_response
from api.http.rate_limit import count_requests
from api.http.request_body import parse_json
from api.public.audience_routes import UNKNOWN_DOC
from api.public.numbers import PUBLISHED_EXAMPLE, NumberSchema
from api.public.query.audiences import collect_audiences
from api.public.query.moments import MomentReader
from api.public.query.parsing import make_question
from api.public.query.question import AUDIENCE, MAX_ROWS, Question, Subject
from api.public.query.rows import RowKey, Sum, build_row, make_sum
from api.public.query.schema import EXAMPLE, QuerySchema
from api.public.query.spans import SpanReader
from api.public.query.targets import Targets, find_targets, require_scopes_readable
from api.public.response_fields import ResponseSchema, list_field, next_cursor_field, required_field
from api.public.services import PublicServices
from api.public.target_metadata import METADATA_MAX_AGE_SECONDS
from privacy.errors import InvalidInputError
from privacy.model.timestamp import format_timestamp

MAX_BODY_BYTES: Final = 256 * 1024
TARGETS_PER_REQUEST: Final = 100
"""A query counts as one request for each so many targets."""
HISTORIES_PER_REQUEST: Final = 20
"""The same where it reads more of each than its current release."""
_GROUP_NAMES: Final = {
    "video": "video_id",
    "creator": "creator_id",
    "hashtag": "hashtag",
    "sound": "sound_id",
    "platform": None,
}
Rows = Mapping[RowKey, Mapping[str, Sum]]


class SumSchema(NumberSchema):
    """A number of a row: of one target, or the sum over several."""

    covered = required_field(fields.Integer, "How many targets are in it: those whose number is shown.")
    released = required_field(fields.Integer, "How many targets have a release at that time.")


_METRICS_FIELD: Final = fields.Dict(
    keys=fields.String(),
    values=fields.Nested(SumSchema),
    required=True,
    metadata={
        "description": "The numbers by metric. That of one target is as everywhere. A sum is of published "
        "numbers only; its interval contains the exact sum of the targets that it covers in at least 95 % of "
        "cases."
    },
)
_ROW_SCHEMA: Final = ResponseSchema.from_dict(
    {
        "video_id": fields.String(metadata={"description": "With `by` video."}),
        "creator_id": fields.String(
            allow_none=True, metadata={"description": "With `by` creator; null for videos of none."}
        ),
        "hashtag": fields.String(metadata={"description": "In the spelling that all of them share."}),
        "sound_id": fields.String(metadata={"description": "Of sounds."}),
        "epoch": fields.Integer(metadata={"description": "With `time:epoch` and `equal_age`."}),
        "from": fields.DateTime(format="iso", metadata={"description": "Begin of the span, in UTC."}),
        "to": fields.DateTime(format="iso", metadata={"description": "End of the span, in UTC."}),
        "period": fields.String(metadata={"description": "Length of an audience's period, in ISO 8601."}),
        "cell": fields.String(
            allow_none=True,
            metadata={"description": "Of a breakdown; null for what is left of the total, its `other`."},
        ),
        "metrics": _METRICS_FIELD,
        "previous": fields.Dict(
            keys=fields.String(),
            values=fields.Nested(SumSchema),
            metadata={"description": "With `previous_period`: the same of the period before."},
        ),
    },
    name="QueryRow",
)


class AnswerSchema(ResponseSchema):
    """The answer to a query."""

    query = fields.Dict(required=True, metadata={"description": "The query as it was read."})
    rows = list_field(fields.Nested(_ROW_SCHEMA), "One for each combination of what `by` names.")
    targets = required_field(fields.Integer, "How many targets were looked at.", strict=True)
    gone = list_field(fields.String(), "Those of `ids` that were taken down, ordered.")
    # The attribute `unknown` of a schema is its rule about unknown members.
    unknown_ids = list_field(
        fields.String(), "Those of `ids` that do not exist, ordered.", data_key="unknown"
    )
    complete = required_field(
        fields.Boolean, "Whether these are all rows: false if `limit` has cut some off, or there is a cursor."
    )
    next_cursor = next_cursor_field()


def post_query(services: PublicServices, request: Request) -> Response:
    """Answers the query in the body.

    Raises:
        InvalidInputError: the body is no query.
    """
    return json_response(_answer(services, request, load(_SCHEMA, parse_json(request.body))))


def get_query(services: PublicServices, request: Request) -> Response:
    """Answers the query in the parameters."""
    document = _answer(services, request, request.query)
    return json_response(document, max_age_seconds=METADATA_MAX_AGE_SECONDS)


def _answer(services: PublicServices, request: Request, loaded: Mapping[str, Any]) -> dict[str, Any]:
    question = make_question(loaded)
    if question.metrics[0].name == AUDIENCE:
        require_scopes_readable(request, question)
        request.charge(count_requests(len(question.ids), HISTORIES_PER_REQUEST))
        targets, rows = Targets(()), _sum_up(collect_audiences(services, question).rows)
        count = len(question.ids) or int(question.subject is Subject.PLATFORM)
    else:
        targets = find_targets(services, request, question)
        reads_histories = question.span or question.is_of_changes or question.compare_to or question.end_ms
        per_request = HISTORIES_PER_REQUEST if reads_histories else TARGETS_PER_REQUEST
        request.charge(count_requests(len(targets.found), per_request))
        rows, count = _read_rows(services, request, question, targets), len(targets.found)
    if len(rows) > MAX_ROWS:
        raise InvalidInputError("by", f"divides into {len(rows):,} rows", f"at most {MAX_ROWS:,}")
    ordered = _order(question, rows)
    name = None if question.group is None else _GROUP_NAMES[question.group]
    built = [build_row(key, name, numbers) for key, numbers in ordered[: question.limit]]
    if question.compare_to == "previous_period":
        _add_previous(services, request, question, targets, built)
    return {
        "query": _echo(question, loaded),
        "rows": built,
        "targets": count,
        "gone": targets.gone,
        "unknown": targets.unknown,
        "complete": len(ordered) <= question.limit and targets.next_cursor is None,
        "next_cursor": targets.next_cursor,
    }


def _read_rows(services: PublicServices, request: Request, question: Question, targets: Targets) -> Rows:
    reader = SpanReader if question.is_of_changes else MomentReader
    return _sum_up(reader(services, question, request.now_ms).collect(targets.found).rows)


def _sum_up(rows: Mapping[RowKey, Mapping[str, Sequence[Any]]]) -> Rows:
    return {
        key: {name: make_sum(readings) for name, readings in numbers.items()} for key, numbers in rows.items()
    }


def _order(question: Question, rows: Rows) -> list[tuple[RowKey, Mapping[str, Sum]]]:
    """Returns the rows by the metric that is asked for, withheld ones last; else in the order of targets."""
    listed = [*rows.items()]
    if question.order_by is None:
        return listed
    name, descending = question.order_by

    def place(row: tuple[RowKey, Mapping[str, Sum]]) -> tuple[bool, int]:
        number = row[1].get(name)
        value = None if number is None else number.value
        return value is None, 0 if value is None else -value if descending else value

    return sorted(listed, key=place)


def _add_previous(
    services: PublicServices,
    request: Request,
    question: Question,
    targets: Targets,
    rows: Sequence[dict[str, Any]],
) -> None:
    begin_ms, end_ms = question.begin_ms or 0, question.end_ms or 0
    earlier = replace(question, begin_ms=2 * begin_ms - end_ms, end_ms=begin_ms)
    found = _read_rows(services, request, earlier, targets)
    by_group = {key.group: build_row(key, None, numbers) for key, numbers in found.items()}
    name = str(_GROUP_NAMES[str(question.group)])
    for row in rows:
        row["previous"] = by_group[row[name]]["metrics"]


def _echo(question: Question, loaded: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the query as it was read, with defaults."""
    times = {"from", "to", "posted_after", "posted_before"}
    echo = {
        name: format_timestamp(value) if name in times else value for name, value in sorted(loaded.items())
    }
    return echo | ({"ids": list(question.ids)} if question.ids else {})


_SCHEMA: Final[Schema] = QuerySchema()
_DESCRIPTION: Final = (
    "One answer for what a dashboard, a chart or an export needs: up to 1,000 videos or creators, or those "
    "that a filter finds, with several numbers, divided by target, by a dimension and by time. All of it is "
    "made from published releases: asking costs no privacy, and any two answers fit together. Sums over "
    "targets leave withheld numbers out: `covered` says how many are in them. Audiences are never added up, "
    "since their accounts overlap. `time:day` and `time:week` (from Monday, UTC) show the "
    "last number by the end of each span. A query that reads more than the bounds allow is a 400 that "
    "names the bound. A query counts as one request for each 100 targets begun, or each 20 where it needs "
    "more of each than its current release: with time, changes, audiences, `to` or `compare_to`."
)


def _make_operation(method: str, **more: Any) -> Operation[PublicServices]:
    return Operation(
        method=method,
        path="/v1/query",
        operation_id=f"{method.lower()}_query",
        summary="Numbers of many targets at once" if method == "POST" else "The same with parameters",
        description=_DESCRIPTION,
        tag="public",
        scope="read",
        rows="rows",
        limited="checked",
        responses={
            200: ResponseDoc(
                "The answer.",
                AnswerSchema,
                {
                    "query": {**EXAMPLE, "limit": 1_000},
                    "rows": [
                        {
                            "video_id": "v-4711",
                            "metrics": {"likes": PUBLISHED_EXAMPLE | {"covered": 1, "released": 1}},
                        }
                    ],
                    "targets": 1,
                    "gone": [],
                    "unknown": [],
                    "complete": True,
                    "next_cursor": None,
                },
            ),
            404: UNKNOWN_DOC,
        },
        **more,
    )


OPERATIONS: Final = (
    _make_operation("POST", handler=post_query, body=Body(QuerySchema, EXAMPLE, MAX_BODY_BYTES)),
    _make_operation("GET", handler=get_query, query_schema=QuerySchema),
)
