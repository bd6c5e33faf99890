"""`GET /v1/videos/{video_id}/likes`, and the same of every kind: the total."""

from __future__ import annotations

from marshmallow import fields

from api.http.operation import Operation, Request, Response, ResponseDoc, json_response
from api.http.responses import max_age_seconds
from api.public.kinds import GONE, KindRoutes
from api.public.numbers import PUBLISHED_EXAMPLE, NumberSchema, number_of
from api.public.services import PublicServices


def total_operation(spelling: KindRoutes) -> Operation[PublicServices]:
    """The total of one kind."""
    target = spelling.target

    def get_total(services: PublicServices, call: Request) -> Response:
        target_id = call.path[target.id_name]
        standing = services.standings.of(target_id, spelling.kind)
        total = number_of(standing, standing.release.total if standing.release else None)
        age_seconds = max_age_seconds(standing.next_release_at_ms, call.now_ms)
        return json_response({target.id_name: target_id, "total": total}, max_age_seconds=age_seconds)

    return Operation(
        method="GET",
        path=spelling.path,
        operation_id=f"get_{spelling.noun}",
        summary=spelling.title,
        description=f"How many accounts {spelling.did} the {target.word}: the estimate of the current "
        "release with its 95 % interval. It changes at `next_release_at` and not before, whatever happens.",
        tag="public",
        scope="read",
        handler=get_total,
        path_schema=target.path_schema(),
        responses={
            200: ResponseDoc(
                "The total.",
                target.answer_schema(
                    spelling.schema_name("Total"), {"total": fields.Nested(NumberSchema, required=True)}
                ),
                {target.id_name: target.example_id, "total": PUBLISHED_EXAMPLE},
            ),
            410: GONE,
        },
    )
