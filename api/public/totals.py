"""`GET /v1/videos/{video_id}/likes`, and the same for every kind: the total."""

from marshmallow import fields

from api.http.operation import Operation, Request, Response, ResponseDoc, json_response
from api.http.responses import max_age_seconds
from api.public.access.readable import require_readable_target
from api.public.kinds import GONE_DOC, KindRoutes
from api.public.numbers import PUBLISHED_EXAMPLE, NumberSchema, make_current_number
from api.public.services import PublicServices


def make_total_operation(routes: KindRoutes) -> Operation[PublicServices]:
    """Returns the operation that reads the total of one kind."""
    target = routes.target

    def get_total(services: PublicServices, request: Request) -> Response:
        target_id = request.path[target.id_name]
        require_readable_target(services.gallery, request.key, target.target_type, target_id)
        current = services.cache.get(target_id, routes.kind)
        figure = current.release.total if current.release else None
        total = make_current_number(current, figure, request.now_ms)
        age_seconds = max_age_seconds(current.next_release_at_ms, request.now_ms)
        return json_response({target.id_name: target_id, "total": total}, max_age_seconds=age_seconds)

    return Operation(
        method="GET",
        path=routes.path,
        operation_id=f"get_{routes.noun}",
        summary=routes.title,
        description=f"How many accounts {routes.verb} the {target.word}: the estimate of the current release "
        "with its 95 % confidence interval. It changes at `next_release_at` and never before.",
        tag="public",
        scope="read",
        limited="checked",
        handler=get_total,
        path_schema=target.make_path_schema(),
        responses={
            200: ResponseDoc(
                "The total.",
                target.make_response_schema(
                    routes.name_schema("Total"), {"total": fields.Nested(NumberSchema, required=True)}
                ),
                {target.id_name: target.example_id, "total": PUBLISHED_EXAMPLE},
            ),
            410: GONE_DOC,
        },
    )
