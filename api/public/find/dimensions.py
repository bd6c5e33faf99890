"""`GET /v1/dimensions`: what can be asked for, and from which number on it is shown."""

from collections.abc import Mapping
from typing import Any, Final

from marshmallow import fields

from api.http.openapi import problem_doc
from api.http.operation import Operation, Request, Response, ResponseDoc, json_response
from api.http.responses import MAX_AGE_CAP_SECONDS
from api.public.guarantee import GuaranteeQuerySchema, get_required_guarantee
from api.public.response_fields import ResponseSchema, list_field, required_field
from api.public.services import PublicServices

TIME_ZONE: Final = "UTC"
HOUR_IN_WORDS: Final = (
    "The cells of hour_of_day are the hours 00 to 23 in UTC in which it happened, whatever the time zone of "
    "the person."
)


class DimensionSchema(ResponseSchema):
    """A dimension of breakdowns."""

    dimension = required_field(fields.String, "Its name in paths.")
    cells = list_field(fields.String(), "All its cells.")


class ThresholdSchema(ResponseSchema):
    """The smallest estimates of a statistic that are shown."""

    statistic = required_field(
        fields.String, "`total`, a dimension for each of its cells, or `removals` for those of one reason."
    )
    first_epoch = required_field(fields.Integer, "In the first release of a target.", strict=True)
    last_epoch = required_field(fields.Integer, "In its last release.", strict=True)


class DimensionsSchema(ResponseSchema):
    """What can be asked for under a policy version."""

    version = required_field(fields.String, "The policy version.")
    time_zone = required_field(fields.String, "The time zone of all days and hours.")
    hour_in_words = required_field(fields.String, "What an hour of day means.")
    k = required_field(
        fields.Integer, "The smallest number of accounts behind a measured number.", strict=True
    )
    dimensions = list_field(fields.Nested(DimensionSchema), "In the order of the policy.")
    thresholds = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.Nested(ThresholdSchema)),
        required=True,
        metadata={
            "description": "By kind. They change with the age of a target; `GET /v1/privacy` has all of them."
        },
    )


def get_dimensions(services: PublicServices, request: Request) -> Response:
    """Returns dimensions and thresholds of a policy version.

    Raises:
        NotFoundError: there is no such policy version.
    """
    guarantee = get_required_guarantee(services, request.query["version"])
    document = {
        "version": guarantee["version"],
        "time_zone": TIME_ZONE,
        "hour_in_words": HOUR_IN_WORDS,
        "k": guarantee["anonymity"]["k"],
        "dimensions": [
            {"dimension": name, "cells": cells} for name, cells in guarantee["dimensions"].items()
        ],
        "thresholds": {
            kind: [_describe_threshold(statistic) for statistic in described["statistics"]]
            for kind, described in guarantee["kinds"].items()
        },
    }
    return json_response(document, max_age_seconds=MAX_AGE_CAP_SECONDS)


def _describe_threshold(statistic: Mapping[str, Any]) -> dict[str, Any]:
    thresholds = statistic["threshold_by_epoch"]
    return {
        "statistic": statistic["name"],
        "first_epoch": thresholds[0],
        "last_epoch": thresholds[-1],
    }


OPERATION: Operation[PublicServices] = Operation(
    method="GET",
    path="/v1/dimensions",
    operation_id="get_dimensions",
    summary="Dimensions, cells and thresholds",
    description="The dimensions that a policy declares with all their cells, the time zone, and the smallest "
    "estimates that are shown: in the first and in the last release of a target.",
    tag="public",
    scope="read",
    limited="open",
    handler=get_dimensions,
    query_schema=GuaranteeQuerySchema,
    responses={
        404: problem_doc("There is no such policy version."),
        200: ResponseDoc(
            "What can be asked for.",
            DimensionsSchema,
            {
                "version": "2026-12-default",
                "time_zone": TIME_ZONE,
                "hour_in_words": HOUR_IN_WORDS,
                "k": 20,
                "dimensions": [
                    {"dimension": "device", "cells": ["android", "ios", "web", "other", "undisclosed"]}
                ],
                "thresholds": {
                    "like": [
                        {"statistic": "total", "first_epoch": 88, "last_epoch": 110},
                        {"statistic": "device", "first_epoch": 177, "last_epoch": 230},
                    ]
                },
            },
        ),
    },
)
