"""`GET /v1/privacy`: the guarantee, which the release side computes from the policy."""

from typing import Any

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


class EpsilonSchema(OpenSchema):
    """An (epsilon, delta) pair that follows from rho."""

    delta = required_field(fields.Float, "Delta.")
    epsilon = required_field(
        fields.Float, "Epsilon at this delta; null where the gate alone uses up delta.", allow_none=True
    )


class KindsTogetherSchema(OpenSchema):
    """The guarantee for all engagements of one account with one target."""

    target_type = required_field(fields.String, "Type of the target.")
    kinds = list_field(fields.String(), "The kinds of engagement that the policy counts for it.")
    rho = required_field(fields.Float, "zCDP of one engagement of each of these kinds, together.")
    epsilon = fields.List(fields.Nested(EpsilonSchema), required=True)
    max_accuracy = required_field(
        fields.Float, "How often an attacker at even odds guesses right, at most: all of them, or none."
    )


class UnitSchema(OpenSchema):
    """The unit of privacy: what is protected."""

    neighbours = required_field(
        fields.String, "The inputs that the guarantee makes hard to tell apart, as far as epsilon says."
    )
    engagement = required_field(
        fields.String,
        "Definition of one engagement: one account's relation of one kind to one target. A like and a "
        "favourite of one video are two engagements.",
    )
    attacker_knows = required_field(
        fields.String, "What the attacker is assumed to know: everything but this one engagement."
    )
    kinds_together = list_field(
        fields.Nested(KindsTogetherSchema),
        "What an account's engagements of all kinds with one target cost together, by type of target.",
    )


class AnonymitySchema(OpenSchema):
    """k-anonymity of the measured numbers."""

    k = required_field(
        fields.Integer,
        "No measured number about fewer accounts is ever shown. Derived numbers may be about fewer.",
        strict=True,
    )
    hard = required_field(fields.Boolean, "True if that holds with certainty for every measured number.")
    measured = list_field(
        fields.String(),
        "The measured numbers: totals, cells of breakdowns, numbers of removals since the start.",
    )
    derived = list_field(
        fields.String(),
        "Members of responses that are derived from measured numbers. The noise protects them; k does not.",
    )
    in_words = required_field(fields.String, "The same in words.")


class InForceSchema(OpenSchema):
    """The policy version in force, and its M."""

    version = required_field(fields.String, "Name of the policy in force.")
    daily_cap = required_field(
        fields.Integer, "Its M, which bounds an account's day with targets of every version.", strict=True
    )


class ContributionSchema(OpenSchema):
    """Bounds on what one account contributes."""

    flip_cap = required_field(
        fields.Integer,
        "w, the number of times that one engagement may change a count. It holds for every target of this "
        "version: under a later version it may be smaller, and is never larger.",
        strict=True,
    )
    daily_cap = required_field(
        fields.Integer,
        "M, the number of engagements of an account that are first counted on one UTC day, of all kinds "
        "together, while this version is in force.",
        strict=True,
    )
    in_force = fields.Nested(
        InForceSchema, required=True, metadata={"description": "The version in force, whose M applies now."}
    )
    in_words = required_field(fields.String, "What holds for targets of this version, in words.")


class AccountDaySchema(OpenSchema):
    """The guarantee for one account's day."""

    engagements = required_field(
        fields.Integer,
        "Number of engagements that are first counted on that day; the last row is the M in force.",
        strict=True,
    )
    rho = required_field(fields.Float, "zCDP of these engagements together.")
    epsilon = fields.List(fields.Nested(EpsilonSchema), required=True)


class KindSchema(OpenSchema):
    """The guarantee for one engagement of one kind."""

    rho = required_field(fields.Float, "zCDP of one engagement of this kind over all statistics and epochs.")
    epsilon = fields.List(fields.Nested(EpsilonSchema), required=True)
    account_day = fields.List(fields.Nested(AccountDaySchema), required=True)
    mechanism = fields.Dict(
        keys=fields.String(), required=True, metadata={"description": "Noise, factorisation and gate."}
    )
    attacker = fields.Dict(
        keys=fields.String(),
        required=True,
        metadata={
            "description": "How often an attacker who knows everything else, about this account, too, can "
            "guess right at most: as a number and in words."
        },
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


class ReleaseSchema(OpenSchema):
    """When a release is visible."""

    public_delay_seconds = required_field(
        fields.Integer,
        "Time from the end of an epoch to the moment from which its release is visible, however early it was "
        "made.",
        strict=True,
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
        ScheduleSchema, required=True, metadata={"description": "Release schedule of videos."}
    )
    creator_schedule = fields.Nested(
        ScheduleSchema, required=True, metadata={"description": "Release schedule of creators."}
    )
    release = fields.Nested(
        ReleaseSchema, required=True, metadata={"description": "When a release is visible."}
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


_EPSILON_EXAMPLE = [{"delta": 1e-06, "epsilon": 2.142}, {"delta": 1e-09, "epsilon": 2.7156}]
GUARANTEE_EXAMPLE: dict[str, Any] = {
    "version": "2026-11-default",
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
                "rho": 0.2,
                "epsilon": [{"delta": 1e-06, "epsilon": 3.1311}, {"delta": 1e-09, "epsilon": 3.9339}],
                "max_accuracy": 0.6582,
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
        "in_force": {"version": "2026-11-default", "daily_cap": 100},
        "in_words": "flip_cap holds for …",
    },
    "kinds": {
        "like": {
            "rho": 0.1,
            "epsilon": _EPSILON_EXAMPLE,
            "account_day": [{"engagements": 1, "rho": 0.1, "epsilon": _EPSILON_EXAMPLE}],
            "attacker": {"prior": 0.5, "max_accuracy": 0.6119, "in_words": "An attacker who …"},
            "mechanism": {"noise": "discrete Gaussian, exact, drawn once per measurement"},
            "statistics": [{"name": "total", "rho": 0.03}],
        }
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
    "in machine-readable form: unit, rho, epsilon, delta, k, flip cap, daily cap, schedule and mechanism, "
    "all computed from the policy. k holds with certainty for measured numbers; `anonymity` names those that "
    "are derived, for which it does not hold. A target keeps the version that it was registered under, "
    "except for the daily cap: `contribution.in_force` has the one that applies now. Hours of day are in "
    "UTC.",
    tag="public",
    scope="read",
    handler=get_guarantee,
    query_schema=GuaranteeQuerySchema,
    responses={
        404: problem_doc("There is no such policy version."),
        200: ResponseDoc("The guarantee.", GuaranteeSchema, GUARANTEE_EXAMPLE),
    },
)
