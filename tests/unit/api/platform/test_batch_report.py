"""The answer to a batch."""

from __future__ import annotations

import msgspec

from api.platform.batch import batch_report
from privacy.catalogue.catalogue import Registration
from privacy.errors import InvalidInputError
from privacy.intake.admission import Outcome
from privacy.model.engagement import Verdict


def test_counts_cover_every_verdict_and_the_list_what_did_not_pass() -> None:
    """Each verdict has its count, 0 included; what passed is not listed."""
    error = InvalidInputError("type", "is missing", "one of like, unlike")
    outcomes: list[Outcome] = [
        *(Verdict.COUNTED, error, Verdict.UNCOUNTED, Verdict.LATE, Verdict.COUNTED, Verdict.LATE)
    ]
    passed = (Verdict.COUNTED, Verdict.UNCOUNTED)
    document = msgspec.json.decode(
        msgspec.json.encode(batch_report(outcomes, Verdict, passed, "not_counted"))
    )
    assert document["received"] == 6
    assert list(document["verdicts"]) == [verdict.value for verdict in Verdict]
    assert {verdict: count for verdict, count in document["verdicts"].items() if count} == {
        "counted": 2,
        "uncounted": 1,
        "late": 2,
        "invalid": 1,
    }
    problem = {"field": "type", "message": "is missing", "expected": "one of like, unlike"}
    assert document["not_counted"] == [
        {"index": 1, "verdict": "invalid", "problem": problem},
        {"index": 3, "verdict": "late"},
        {"index": 5, "verdict": "late"},
    ]


def test_verdicts_without_invalid_of_their_own_get_it() -> None:
    """An item that could not be read is `invalid` in any batch."""
    error = InvalidInputError("video_id", "is missing", "an id")
    document = batch_report([error], Registration, (Registration.CREATED,), "not_registered")
    assert document["verdicts"] == {"created": 0, "updated": 0, "unchanged": 0, "conflict": 0, "invalid": 1}
