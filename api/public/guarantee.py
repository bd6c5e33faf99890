"""`GET /v1/privacy`: the guarantee, which the release side computes from the policy."""

from typing import Any

from marshmallow import Schema

from api.http.arguments import Identifier
from api.http.openapi import problem_doc
from api.http.operation import Operation, Request, Response, ResponseDoc, json_response
from api.http.responses import MAX_AGE_CAP_SECONDS
from api.public.guarantee_schema import GuaranteeSchema
from api.public.services import PublicServices
from privacy.errors import NotFoundError
from privacy.model.documents import CURRENT_VERSION, GuaranteeDocument


class GuaranteeQuerySchema(Schema):
    """The policy version."""

    version = Identifier(
        load_default=CURRENT_VERSION,
        metadata={
            "description": "A policy version as in a target's metadata, or `current` for the one in force."
        },
    )


def get_guarantee(services: PublicServices, request: Request) -> Response:
    """Returns a guarantee.

    Raises:
        NotFoundError: there is no such policy version.
    """
    guarantee = get_required_guarantee(services, request.query["version"])
    return json_response(guarantee, max_age_seconds=MAX_AGE_CAP_SECONDS)


def get_required_guarantee(services: PublicServices, version: str) -> GuaranteeDocument:
    """Returns the guarantee of a policy version.

    Raises:
        NotFoundError: there is no such policy version.
    """
    guarantee = services.gallery.read_guarantee(version)
    if guarantee is None:
        raise NotFoundError("there is no such policy version, or no policy is in force yet")
    return guarantee


_EPSILON_EXAMPLE = [
    {"delta": 1e-09, "epsilon": 2.7154, "accountant": "gaussian"},
    {"delta": 1e-06, "epsilon": 2.0931, "accountant": "gaussian"},
]
_KEPT_EXAMPLE = [
    {"delta": 1e-09, "epsilon": 2.146, "accountant": "gaussian"},
    {"delta": 1e-06, "epsilon": 1.6438, "accountant": "gaussian"},
]
GUARANTEE_EXAMPLE: dict[str, Any] = {
    "version": "2026-12-default",
    "policy_sha256": "5e0e2ae7f1e3b3c8f4b6d4a0d7f9b6a1c2d3e4f5061728394a5b6c7d8e9f0a1b",
    "unit": {
        "neighbours": "inputs that differ in everything about one engagement",
        "engagement": "one account's whole relation of one kind to one target, for the target's whole "
        "life, over all statistics and all epochs together, present or absent. Relations of two kinds to one "
        "target are two engagements",
        "attacker_knows": "everything else: about every other account, and about this account, too",
        "kinds_together": [
            {
                "target_type": "video",
                "kinds": ["like", "favorite"],
                "rho": 0.2164,
                "epsilon": [
                    {"delta": 1e-09, "epsilon": 3.9331, "accountant": "gaussian"},
                    {"delta": 1e-06, "epsilon": 3.0523, "accountant": "gaussian"},
                ],
                "max_accuracy": 0.6289,
            }
        ],
    },
    "anonymity": {
        "k": 20,
        "hard": True,
        "measured": ["total", "cells", "removals"],
        "derived": ["other", "change", "change_per_day", "gained", "days[].lost", "share_bps"],
        "in_words": "No total, no cell of a breakdown and no number of removals since the start is shown "
        "unless at least 20 accounts are behind it: that is certain. Derived numbers, and differences that a "
        "reader computes, may be about fewer: nothing but the noise protects them.",
    },
    "contribution": {
        "flip_cap": 4,
        "daily_cap": 100,
        "monthly_cap": None,
        "in_force": {"version": "2026-12-default", "daily_cap": 100, "monthly_cap": None},
        "in_words": "flip_cap holds for …",
    },
    "kinds": {
        "like": {
            "rho": 0.1092,
            "audiences_rho": 0.02102,
            "epsilon": _EPSILON_EXAMPLE,
            "epsilon_by_accountant": {"gaussian": _EPSILON_EXAMPLE},
            "histories": [
                {
                    "flips": 1,
                    "in_words": "made once, and kept",
                    "rho": 0.0701578718493047,
                    "epsilon": _KEPT_EXAMPLE,
                }
            ],
            "account_day": [{"engagements": 1, "rho": 0.1092, "epsilon": _EPSILON_EXAMPLE}],
            "account_month": [
                {
                    "engagements": 1,
                    "rho": 0.1092,
                    "epsilon": _EPSILON_EXAMPLE,
                    "if_kept": {"rho": 0.0701578718493047, "epsilon": _KEPT_EXAMPLE},
                }
            ],
            "attacker": {"prior": 0.5, "max_accuracy": 0.5924, "in_words": "An attacker who …"},
            "mechanism": {"noise": "discrete Gaussian, exact, drawn once per measurement"},
            "statistics": [{"name": "total", "rho": 0.0416}],
        }
    },
    "account_month": None,
    "audiences": {
        "counted": "different accounts of which …",
        "rho": 0.02102,
        "hashtags_per_video": 3,
        "joint_dimensions": {"age_gender": ["age_band", "gender"]},
        "periods": [
            {
                "scope": "creator",
                "every_seconds": 604800,
                "rho": 0.0028,
                "statistics": [{"name": "total", "rho": 0.0028, "sd": 13.363, "threshold": 118}],
                "dimensions": {},
            }
        ],
    },
    "schedule": {"epochs": 3, "due_ages_seconds": [3600, 7200, 10800]},
    "creator_schedule": {"epochs": 2, "due_ages_seconds": [86400, 172800]},
    "release": {"public_delay_seconds": 120},
    "documents": {"claim": "/docs/compliance/claim.md"},
    "dimensions": {"device": ["android", "ios", "web", "other", "undisclosed"]},
}
"""Parts of the packaged policy's guarantee, with short schedules."""
OPERATION: Operation[PublicServices] = Operation(
    method="GET",
    path="/v1/privacy",
    operation_id="get_guarantee",
    summary="The privacy guarantee",
    description="The guarantee of every engagement, one account's whole relation of one kind to one target, "
    "in machine-readable form: unit, rho, epsilon, delta, k, flip cap, daily cap, schedule, mechanism and "
    "audiences, all computed from the policy. Each epsilon names its accountant. k holds with certainty for "
    "measured numbers; `anonymity` names those that are derived, for which it does not hold. A target keeps "
    "the version that it was registered under, except for the caps: `contribution.in_force` has those that "
    "apply now. Hours of day are in UTC.",
    tag="public",
    scope="read",
    limited="open",
    handler=get_guarantee,
    query_schema=GuaranteeQuerySchema,
    responses={
        404: problem_doc("There is no such policy version."),
        200: ResponseDoc("The guarantee.", GuaranteeSchema, GUARANTEE_EXAMPLE),
    },
)
