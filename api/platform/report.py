"""The answer to a batch: how many items met which verdict, and the items that did not simply pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from privacy.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from enum import Enum

INVALID = "invalid"


class ItemProblem(msgspec.Struct, frozen=True):
    """What is wrong with an invalid item."""

    field: str
    fault: str
    rule: str


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
        return ListedItem(index, INVALID, ItemProblem(outcome.field, outcome.fault, outcome.rule))
    return ListedItem(index, outcome.value)
