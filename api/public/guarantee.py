"""`GET /v1/privacy`: the guarantee, which the release side computes from the policy."""

from marshmallow import INCLUDE, Schema, fields

from api.http.arguments import Identifier
from api.http.openapi import problem_doc
from api.http.operation import Operation, Request, Response, ResponseDoc, json_response
from api.http.responses import MAX_AGE_CAP_SECONDS
from api.public.response_fields import list_field, required_field
from api.public.services import PublicServices
from privacy.errors import NotFoundError
from privacy.model.documents import CURRENT_VERSION


class GuaranteeQuerySchema(Schema):
    """The policy version."""

    version = Identifier(
        load_default=CURRENT_VERSION,
        metadata={
            "description": "A policy version as in a target's metadata, or `current` for the one in force."
        },
    )


class OpenSchema(Schema):
    """A part of the guarantee; later versions may add members."""

    class Meta:
        """Keeps unknown members."""

        unknown = INCLUDE


class UnitSchema(OpenSchema):
    """The unit of privacy: what is protected."""

    neighbours = required_field(fields.String, "The inputs that the guarantee makes indistinguishable.")
    engagement = required_field(fields.String, "Definition of one engagement.")


class AnonymitySchema(OpenSchema):
    """k-anonymity."""

    k = required_field(fields.Integer, "No number about fewer accounts is ever shown.", strict=True)
    hard = required_field(fields.Boolean, "True if that holds with certainty.")


class ContributionSchema(OpenSchema):
    """Bounds on what one account contributes."""

    flip_cap = required_field(
        fields.Integer, "w, the number of times that one engagement may change a count.", strict=True
    )
    daily_cap = required_field(
        fields.Integer,
        "M, the number of engagements of an account that are counted on one UTC day.",
        strict=True,
    )


class EpsilonSchema(OpenSchema):
    """An (epsilon, delta) pair that follows from rho."""

    delta = required_field(fields.Float, "Delta.")
    epsilon = required_field(
        fields.Float, "Epsilon at this delta; null where the gate alone uses up delta.", allow_none=True
    )


class AccountDaySchema(OpenSchema):
    """The guarantee for one account's day."""

    engagements = required_field(
        fields.Integer, "Number of engagements that are first counted on that day.", strict=True
    )
    rho = required_field(fields.Float, "zCDP of these engagements together.")
    epsilon = fields.List(fields.Nested(EpsilonSchema), required=True)


class KindSchema(OpenSchema):
    """The guarantee for one engagement of one kind."""

    rho = required_field(fields.Float, "zCDP of one engagement over all statistics and epochs.")
    epsilon = fields.List(fields.Nested(EpsilonSchema), required=True)
    account_day = fields.List(fields.Nested(AccountDaySchema), required=True)
    mechanism = fields.Dict(
        keys=fields.String(), required=True, metadata={"description": "Noise, factorisation and gate."}
    )
    attacker = fields.Dict(
        keys=fields.String(),
        required=True,
        metadata={"description": "What an attacker who knows everything else can gain at most, in words."},
    )
    statistics = fields.List(
        fields.Dict(keys=fields.String()),
        required=True,
        metadata={
            "description": "Rho, noise scale, standard deviation and threshold by epoch of each statistic."
        },
    )


class ScheduleSchema(OpenSchema):
    """When releases happen."""

    epochs = required_field(fields.Integer, "T, the number of releases of a target.", strict=True)
    due_ages_seconds = list_field(fields.Integer(strict=True), "Age of the target at which each epoch ends.")


class GuaranteeSchema(OpenSchema):
    """The guarantee."""

    version = required_field(fields.String, "Name of the policy.")
    policy_sha256 = required_field(fields.String, "SHA-256 of the policy file.")
    unit = fields.Nested(UnitSchema, required=True)
    anonymity = fields.Nested(AnonymitySchema, required=True)
    contribution = fields.Nested(ContributionSchema, required=True)
    kinds = fields.Dict(keys=fields.String(), values=fields.Nested(KindSchema), required=True)
    schedule = fields.Nested(
        ScheduleSchema, required=True, metadata={"description": "Release schedule of videos."}
    )
    creator_schedule = fields.Nested(
        ScheduleSchema, required=True, metadata={"description": "Release schedule of creators."}
    )
    documents = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        required=True,
        metadata={"description": "Paths of documents for reviewers on this server, by subject."},
    )
    dimensions = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.String()),
        required=True,
        metadata={
            "description": "Cells of each dimension, in order. The cells of `hour_of_day` are hours in UTC."
        },
    )


def get_guarantee(services: PublicServices, request: Request) -> Response:
    """Returns a guarantee.

    Raises:
        NotFoundError: there is no such policy version.
    """
    guarantee = services.gallery.read_guarantee(request.query["version"])
    if guarantee is None:
        raise NotFoundError("there is no such policy version, or no policy is in force yet")
    return json_response(guarantee, max_age_seconds=MAX_AGE_CAP_SECONDS)


_EPSILON_EXAMPLE = [{"delta": 1e-06, "epsilon": 2.1106}, {"delta": 1e-09, "epsilon": 2.6926}]
OPERATION: Operation[PublicServices] = Operation(
    method="GET",
    path="/v1/privacy",
    operation_id="get_guarantee",
    summary="The privacy guarantee",
    description="The guarantee that holds for every number, in machine-readable form: unit, rho, epsilon, "
    "delta, k, flip cap, daily cap, schedule and mechanism, all computed from the policy. Hours of day "
    "are in UTC.",
    tag="public",
    scope="read",
    handler=get_guarantee,
    query_schema=GuaranteeQuerySchema,
    responses={
        404: problem_doc("There is no such policy version."),
        200: ResponseDoc(
            "The guarantee.",
            GuaranteeSchema,
            {
                "version": "2026-11-default",
                "policy_sha256": "5e0e2ae7f1e3b3c8f4b6d4a0d7f9b6a1c2d3e4f5061728394a5b6c7d8e9f0a1b",
                "unit": {
                    "neighbours": "inputs that differ in everything about one engagement",
                    "engagement": "one account's whole relation of one kind to one target",
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
                            "max_accuracy": 0.6119,
                            "in_words": "An attacker who …",
                        },
                        "mechanism": {"noise": "discrete Gaussian, exact, drawn once per measurement"},
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
