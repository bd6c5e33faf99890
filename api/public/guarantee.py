"""`GET /v1/privacy`: the guarantee, as the release side computed it from the policy."""

from __future__ import annotations

from marshmallow import INCLUDE, Schema, fields

from api.http.arguments import Identifier
from api.http.openapi import ProblemSchema
from api.http.operation import Operation, Request, Response, ResponseDoc, json_response
from api.http.problems import PROBLEM_JSON
from api.http.responses import MAX_AGE_CAP_SECONDS
from api.public.numbers import required_field
from api.public.services import PublicServices
from privacy.errors import NotFoundError
from privacy.gallery.reader import CURRENT


class GuaranteeQuerySchema(Schema):
    """Which policy."""

    version = Identifier(
        load_default=CURRENT,
        metadata={"description": "A policy version as videos name it, or `current` for the one in force."},
    )


class OpenSchema(Schema):
    """A part of the guarantee; later versions may say more."""

    class Meta:
        """Keeps members that it does not know."""

        unknown = INCLUDE


class UnitSchema(OpenSchema):
    """What is protected."""

    neighbours = required_field(fields.String, "Which inputs the guarantee cannot tell apart.")
    engagement = required_field(fields.String, "What one engagement is.")


class AnonymitySchema(OpenSchema):
    """k-anonymity."""

    k = required_field(fields.Integer, "No number about fewer accounts is ever shown.", strict=True)
    hard = required_field(fields.Boolean, "Whether that holds with certainty.")


class ContributionSchema(OpenSchema):
    """Bounds on what one account contributes."""

    flip_cap = required_field(fields.Integer, "w: how often one engagement may change a count.", strict=True)
    daily_cap = required_field(
        fields.Integer, "M: engagements of an account counted on one UTC day.", strict=True
    )


class EpsilonSchema(OpenSchema):
    """An (epsilon, delta) pair that follows from rho."""

    delta = required_field(fields.Float, "Delta.")
    epsilon = required_field(
        fields.Float, "Epsilon at this delta; null where the gate uses delta up.", allow_none=True
    )


class AccountDaySchema(OpenSchema):
    """The guarantee of one account's day."""

    engagements = required_field(fields.Integer, "Engagements first counted on that day.", strict=True)
    rho = required_field(fields.Float, "zCDP of them together.")
    epsilon = fields.List(fields.Nested(EpsilonSchema), required=True)


class KindSchema(OpenSchema):
    """The guarantee of one engagement of one kind."""

    rho = required_field(fields.Float, "zCDP of one engagement over all statistics and epochs.")
    epsilon = fields.List(fields.Nested(EpsilonSchema), required=True)
    account_day = fields.List(fields.Nested(AccountDaySchema), required=True)
    mechanism = fields.Dict(
        keys=fields.String(), required=True, metadata={"description": "Noise, factorisation and gate."}
    )
    attacker = fields.Dict(
        keys=fields.String(),
        required=True,
        metadata={
            "description": "What somebody with unlimited knowledge beside it can gain at most, in words."
        },
    )
    statistics = fields.List(
        fields.Dict(keys=fields.String()),
        required=True,
        metadata={"description": "Of each statistic: its rho, noise scale, sd and threshold by epoch."},
    )


class ScheduleSchema(OpenSchema):
    """When releases happen."""

    epochs = required_field(fields.Integer, "T, the number of releases of a target.", strict=True)
    due_ages_seconds = fields.List(
        fields.Integer(strict=True),
        required=True,
        metadata={"description": "Age since the start at which each epoch ends."},
    )


class GuaranteeSchema(OpenSchema):
    """The guarantee."""

    version = required_field(fields.String, "Name of the policy.")
    policy_sha256 = required_field(fields.String, "SHA-256 of the policy file.")
    unit = fields.Nested(UnitSchema, required=True)
    anonymity = fields.Nested(AnonymitySchema, required=True)
    contribution = fields.Nested(ContributionSchema, required=True)
    kinds = fields.Dict(keys=fields.String(), values=fields.Nested(KindSchema), required=True)
    schedule = fields.Nested(
        ScheduleSchema, required=True, metadata={"description": "When releases of videos happen."}
    )
    creator_schedule = fields.Nested(
        ScheduleSchema, required=True, metadata={"description": "When releases of creators happen."}
    )
    documents = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        required=True,
        metadata={"description": "Paths on this server of what a reviewer asks for, by what it is."},
    )
    dimensions = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.String()),
        required=True,
        metadata={"description": "Cells of each dimension, in order."},
    )


def get_guarantee(services: PublicServices, call: Request) -> Response:
    """Answer a guarantee.

    Raises:
        NotFoundError: there is no such policy version.
    """
    guarantee = services.gallery.guarantee(call.query["version"])
    if guarantee is None:
        raise NotFoundError("there is no such policy version, or no policy is in force yet")
    return json_response(guarantee, max_age_seconds=MAX_AGE_CAP_SECONDS)


_EPSILON_EXAMPLE = [{"delta": 1e-06, "epsilon": 2.1106}, {"delta": 1e-09, "epsilon": 2.6926}]
OPERATION: Operation[PublicServices] = Operation(
    method="GET",
    path="/v1/privacy",
    operation_id="get_guarantee",
    summary="The privacy guarantee",
    description="The guarantee that every number keeps, machine-readable: unit, rho, epsilon, delta, k, "
    "flip cap, daily cap, schedule and mechanism, all computed from the policy.",
    tag="public",
    scope="read",
    handler=get_guarantee,
    query_schema=GuaranteeQuerySchema,
    responses={
        404: ResponseDoc("There is no such version.", ProblemSchema, media_type=PROBLEM_JSON),
        200: ResponseDoc(
            "The guarantee.",
            GuaranteeSchema,
            {
                "version": "2026-11-default",
                "policy_sha256": "5e0e2ae7f1e3b3c8f4b6d4a0d7f9b6a1c2d3e4f5061728394a5b6c7d8e9f0a1b",
                "unit": {
                    "neighbours": "inputs that differ in everything about one engagement",
                    "engagement": "one account's whole relation to one target",
                },
                "anonymity": {"k": 20, "hard": True},
                "contribution": {"flip_cap": 4, "daily_cap": 100},
                "kinds": {
                    "like": {
                        "rho": 0.1,
                        "epsilon": _EPSILON_EXAMPLE,
                        "account_day": [{"engagements": 1, "rho": 0.1, "epsilon": _EPSILON_EXAMPLE}],
                        "attacker": {
                            "prior": 0.5,
                            "most_right_guesses": 0.6119,
                            "in_words": "Somebody who …",
                        },
                        "mechanism": {"noise": "discrete Gaussian, exact, drawn once for each measurement"},
                        "statistics": [{"name": "total", "rho": 0.03}],
                    }
                },
                "schedule": {"epochs": 3, "due_ages_seconds": [3600, 7200, 10800]},
                "creator_schedule": {"epochs": 2, "due_ages_seconds": [86400, 172800]},
                "documents": {"claim": "/docs/compliance/claim.md"},
                "dimensions": {"device": ["android", "ios", "web", "other", "undisclosed"]},
            },
        ),
    },
)
