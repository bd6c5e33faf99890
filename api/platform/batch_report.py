"""The answer to a batch: how many items met which verdict, and the items that did not simply pass."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from functools import cache
from typing import Any

import msgspec
from marshmallow import Schema, fields

from privacy.catalogue.catalogue import Registration
from privacy.errors import InvalidInputError
from privacy.model.engagement import Verdict

INVALID = "invalid"


class ItemProblem(msgspec.Struct, frozen=True):
    """What is wrong with an invalid item."""

    field: str
    message: str
    expected: str


class ListedItem(msgspec.Struct, frozen=True, omit_defaults=True):
    """An item that did not simply pass; `index` counts from 0, blank lines left out."""

    index: int
    verdict: str
    problem: ItemProblem | None = None


def batch_report(
    outcomes: Sequence[Enum | InvalidInputError],
    verdicts: Iterable[Enum],
    passed: tuple[Enum, ...],
    listed_as: str,
) -> dict[str, Any]:
    """Sum a batch up.

    Args:
        outcomes: what became of each item, in order; an error stands for the verdict `invalid`.
        verdicts: all there are. Each is in the answer, with 0 where nothing met it.
        passed: items of these are counted and not listed.
        listed_as: name of the list of the others.

    Returns:
        The document to answer.
    """
    counts = dict.fromkeys([*(verdict.value for verdict in verdicts), INVALID], 0)
    for verdict in passed:
        counts[verdict.value] = outcomes.count(verdict)
    listed = [_listed(index, outcome) for index, outcome in enumerate(outcomes) if outcome not in passed]
    for item in listed:
        counts[item.verdict] += 1
    return {"received": len(outcomes), "verdicts": counts, listed_as: listed}


def _listed(index: int, outcome: Enum | InvalidInputError) -> ListedItem:
    if isinstance(outcome, InvalidInputError):
        return ListedItem(index, INVALID, ItemProblem(outcome.field, outcome.message, outcome.expected))
    return ListedItem(index, outcome.value)


def _verdict(verdicts: type[Enum]) -> fields.String:
    words = dict.fromkeys([*(verdict.value for verdict in verdicts), INVALID])
    return fields.String(required=True, metadata={"enum": list(words), "description": "What became of it."})


def _counts(verdicts: type[Enum]) -> fields.Nested:
    description = {"description": "How many met each verdict."}
    return fields.Nested(_counts_schema(verdicts), required=True, metadata=description)


@cache  # one schema has one name in the API's description
def _counts_schema(verdicts: type[Enum]) -> type[Schema]:
    words = dict.fromkeys([*(verdict.value for verdict in verdicts), INVALID])
    counts: dict[str, fields.Field[Any]] = {word: fields.Integer(required=True) for word in words}
    return Schema.from_dict(counts, name=f"{verdicts.__name__}Counts")


def _received() -> fields.Integer:
    return fields.Integer(required=True, metadata={"description": "Number of items in the batch."})


class ItemProblemSchema(Schema):
    """What is wrong with an invalid item."""

    field = fields.String(required=True, metadata={"description": "The offending field."})
    message = fields.String(required=True, metadata={"description": "What is wrong with the field."})
    expected = fields.String(required=True, metadata={"description": "Describes a valid value."})


class _ListedItemSchema(Schema):
    index = fields.Integer(
        required=True, metadata={"description": "Place in the batch, from 0; blank lines have none."}
    )
    problem = fields.Nested(ItemProblemSchema, metadata={"description": "With the verdict `invalid` only."})


class ListedEventSchema(_ListedItemSchema):
    """An event that was not counted."""

    verdict = _verdict(Verdict)


class EventsAnswerSchema(Schema):
    """What became of a batch of events."""

    received = _received()
    verdicts = _counts(Verdict)
    not_counted = fields.List(
        fields.Nested(ListedEventSchema),
        required=True,
        metadata={"description": "Every event whose verdict is neither `counted` nor `uncounted`."},
    )


def registrations_schema(word: str) -> type[Schema]:
    """What became of a batch of targets.

    Args:
        word: one of them.
    """
    name = word.capitalize()
    listed = _ListedItemSchema.from_dict({"verdict": _verdict(Registration)}, name=f"Listed{name}")
    return Schema.from_dict(
        {
            "received": _received(),
            "verdicts": _counts(Registration),
            "not_registered": fields.List(
                fields.Nested(listed),
                required=True,
                metadata={"description": f"Every {word} whose verdict is `conflict` or `invalid`."},
            ),
        },
        name=f"{name}sAnswer",
    )


def registered_schema(word: str) -> type[Schema]:
    """What became of a target.

    Args:
        word: what it is.
    """
    return Schema.from_dict(
        {
            f"{word}_id": fields.String(required=True, metadata={"description": f"Id of the {word}."}),
            "verdict": fields.String(
                required=True,
                metadata={"enum": ["created", "updated", "unchanged"], "description": "What became of it."},
            ),
        },
        name=f"{word.capitalize()}Answer",
    )
