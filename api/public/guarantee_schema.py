"""The shape of the guarantee in the API."""

from marshmallow import INCLUDE, Schema, fields

from api.public.response_fields import list_field, required_field


class OpenSchema(Schema):
    """A part of the guarantee; later versions may add members."""

    class Meta:
        """Keeps unknown members."""

        unknown = INCLUDE


class EpsilonSchema(OpenSchema):
    """An (epsilon, delta) pair that follows from rho."""

    accountant = required_field(
        fields.String,
        "How epsilon follows from rho: `gaussian`, as for Gaussian noise, or `zcdp`, as for any noise that "
        "is rho-zCDP.",
    )
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
    """The policy version in force, and its caps."""

    version = required_field(fields.String, "Name of the policy in force.")
    daily_cap = required_field(
        fields.Integer, "Its M, which bounds an account's day with targets of every version.", strict=True
    )
    monthly_cap = required_field(
        fields.Integer, "The same for a UTC month; null for no such cap.", strict=True, allow_none=True
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
        "M, the number of engagements of an account that are admitted on one UTC day, of all kinds "
        "together, while this version is in force.",
        strict=True,
    )
    monthly_cap = required_field(
        fields.Integer,
        "The same for one UTC month; null for no such cap.",
        strict=True,
        allow_none=True,
    )
    in_force = fields.Nested(
        InForceSchema, required=True, metadata={"description": "The version in force, whose caps apply now."}
    )
    in_words = required_field(fields.String, "What holds for targets of this version, in words.")


class AccountDaySchema(OpenSchema):
    """The guarantee for one account's day."""

    engagements = required_field(
        fields.Integer,
        "Number of engagements that are admitted on that day; the last row is the M in force.",
        strict=True,
    )
    rho = required_field(fields.Float, "zCDP of these engagements together.")
    epsilon = fields.List(fields.Nested(EpsilonSchema), required=True)


class KeptSchema(OpenSchema):
    """The cost of engagements that are made once and kept."""

    rho = required_field(fields.Float, "Rho of these engagements together.")
    epsilon = fields.List(fields.Nested(EpsilonSchema), required=True)


class AccountMonthSchema(AccountDaySchema):
    """The guarantee for one account's month."""

    if_kept = fields.Nested(
        KeptSchema, required=True, metadata={"description": "The cost if each is made once and kept."}
    )


class HistorySchema(OpenSchema):
    """The guarantee for one engagement by what becomes of it."""

    flips = required_field(fields.Integer, "How often it changes the counts, at most.", strict=True)
    in_words = required_field(fields.String, "The history in words.")
    rho = required_field(fields.Float, "Rho of the worst such history over all statistics and audiences.")
    epsilon = fields.List(fields.Nested(EpsilonSchema), required=True)


class KindSchema(OpenSchema):
    """The guarantee for one engagement of one kind."""

    rho = required_field(
        fields.Float, "Rho of one engagement of this kind over all statistics, epochs and audiences: zCDP."
    )
    audiences_rho = required_field(fields.Float, "The part of rho that audiences use.")
    epsilon = fields.List(fields.Nested(EpsilonSchema), required=True)
    epsilon_by_accountant = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.Nested(EpsilonSchema)),
        required=True,
        metadata={"description": "Epsilon by each accountant; `epsilon` is by that of the policy."},
    )
    histories = list_field(fields.Nested(HistorySchema), "The cost of one engagement by its history.")
    account_day = fields.List(fields.Nested(AccountDaySchema), required=True)
    account_month = fields.List(fields.Nested(AccountMonthSchema), required=True)
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


class AudienceStatisticSchema(OpenSchema):
    """One statistic of an audience."""

    name = required_field(fields.String, "`total`, or the dimension of a breakdown.")
    rho = required_field(fields.Float, "Rho of one engagement in one scope.")
    sd = required_field(fields.Float, "Standard deviation of each number, in accounts.")
    threshold = required_field(fields.Integer, "Smallest number that is shown.", strict=True)


class AudiencePeriodSchema(OpenSchema):
    """What is measured of a scope when a period has ended."""

    scope = required_field(fields.String, "`creator`, `hashtag`, `sound` or `platform`.")
    every_seconds = required_field(
        fields.Integer,
        "Length of the period; it begins on a Monday, 00:00 UTC, if it is one of weeks.",
        strict=True,
    )
    rho = required_field(
        fields.Float,
        "Rho of all likes of one account in one such scope and period, together: that of one like.",
    )
    statistics = list_field(fields.Nested(AudienceStatisticSchema), "The total and the breakdowns.")
    dimensions = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.String()),
        required=True,
        metadata={"description": "Cells of each dimension of a breakdown, in order."},
    )


class AudiencesSchema(OpenSchema):
    """The audiences: numbers of different accounts by period."""

    counted = required_field(fields.String, "What is counted, in words.")
    rho = required_field(fields.Float, "Rho of one engagement over all scopes and periods.")
    hashtags_per_video = required_field(
        fields.Integer, "How many hashtags of a video count, the first in canonical order.", strict=True
    )
    joint_dimensions = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.String()),
        required=True,
        metadata={"description": "Dimensions of which a cell is one cell of each of these others."},
    )
    periods = list_field(fields.Nested(AudiencePeriodSchema), "What is measured, by scope and length.")


class MonthlyPromiseSchema(OpenSchema):
    """What the policy promises for an account's month."""

    monthly_cap = required_field(
        fields.Integer, "Number of engagements of an account admitted in one UTC month.", strict=True
    )
    delta = required_field(fields.Float, "Delta at which it is promised.")
    promised_epsilon = required_field(fields.Float, "Epsilon of the month, at most.")
    rho = required_field(fields.Float, "Rho of a month up to the cap.")
    epsilon = required_field(fields.Float, "Epsilon that follows from it.")


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
    account_month = fields.Nested(
        MonthlyPromiseSchema,
        required=True,
        allow_none=True,
        metadata={
            "description": "What an account's month costs at most; null for no promise or a larger cap."
        },
    )
    kinds = fields.Dict(keys=fields.String(), values=fields.Nested(KindSchema), required=True)
    audiences = fields.Nested(
        AudiencesSchema,
        required=True,
        allow_none=True,
        metadata={"description": "The audiences; null if the policy counts none."},
    )
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
            "description": "Cells of each dimension by which targets are broken down, in order; `audiences` "
            "lists those of audiences. The cells of `hour_of_day` are hours in UTC."
        },
    )
