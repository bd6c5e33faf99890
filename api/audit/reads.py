"""Reads every number repeatedly through the public plane."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from api.audit.scenario import FEW, LIKED, NONE, TAGS, Scenario
from api.replay.in_process import InProcessSystem
from privacy.audit.report_model import Finding

if TYPE_CHECKING:
    from flask.testing import FlaskClient

_OK: Final = 200
_LATER_EVENTS: Final = 50


def read_findings(
    scenario: Scenario, in_process: InProcessSystem, client: FlaskClient, tokens: Sequence[str], reads: int
) -> Iterator[Finding]:
    """Checks repeated reads, reads after more events, and answers that must be equal."""
    paths = _list_paths(scenario)
    first = {path: _read_answers(client, path, tokens, 1).pop() for path in paths}
    repeated = sum(len(_read_answers(client, path, tokens, reads)) for path in paths)
    yield Finding(
        f"answers for {len(paths)} paths, {reads:,} reads each, with {len(tokens)} keys",
        "one body per path",
        f"{repeated} bodies",
        repeated == len(paths) and all(status == _OK for status, _ in first.values()),
    )
    in_process.intake.post_events(scenario.events[:_LATER_EVENTS])
    while in_process.timeline.relay.step():
        pass
    changed = sum(_read_answers(client, path, tokens, 1) != {first[path]} for path in paths)
    yield Finding(
        "the same paths after more events within the epoch",
        "no change",
        f"{changed} paths changed",
        changed == 0,
    )
    yield from _compare_few_and_none(scenario, client, tokens)


def _list_paths(scenario: Scenario) -> list[str]:
    base = f"/v1/videos/{LIKED}"
    dimensions = [
        f"{base}/likes/breakdowns/{dimension.name}" for dimension in scenario.policy.series_dimensions
    ]
    audiences = ["/v1/platform/audience", f"/v1/hashtags/{TAGS[1]}/audience", "/v1/trends/hashtags"]
    return [
        *(base, f"{base}/likes", f"{base}/likes/timeseries", f"{base}/likes/changes"),
        *dimensions,
        *(audiences if scenario.has_public_audiences else ()),
    ]


def _read_answers(
    client: FlaskClient, path: str, tokens: Sequence[str], reads: int
) -> set[tuple[int, bytes]]:
    """Returns the distinct answers."""
    answers = set()
    for turn in range(reads):
        token = tokens[turn % len(tokens)]
        answer = client.get(path, headers={"Authorization": f"Bearer {token}"})
        answers.add((answer.status_code, answer.data))
    return answers


def _compare_few_and_none(
    scenario: Scenario, client: FlaskClient, tokens: Sequence[str]
) -> Iterator[Finding]:
    """Checks that a video with almost enough likes and one with none have the same answers."""
    for path in _list_paths(scenario):
        bodies = set()
        for video in (FEW, NONE):
            status, body = _read_answers(client, path.replace(LIKED, video), tokens, 1).pop()
            bodies.add((status, re.sub(re.escape(video.encode()), b"", body)))
        yield Finding(
            f"{path.replace(LIKED, '…')} of {scenario.policy.k - 1} likes and of none",
            "the same except for the name",
            "the same" if len(bodies) == 1 else "different",
            len(bodies) == 1,
        )
