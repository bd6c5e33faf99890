"""Reads every number again and again through the public plane."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from api.audit.scenario import FEW, LIKED, NONE, Scenario
from api.replay.in_process import InProcessSystem
from privacy.audit.report_model import Finding

if TYPE_CHECKING:
    from flask.testing import FlaskClient

_OK: Final = 200
_LATER_EVENTS: Final = 50


def read_findings(
    story: Scenario, machine: InProcessSystem, client: FlaskClient, tokens: Sequence[str], reads: int
) -> Iterator[Finding]:
    """Average, watch live, and compare what must look alike."""
    paths = _paths(story)
    first = {path: _answers(client, path, tokens, 1).pop() for path in paths}
    repeated = sum(len(_answers(client, path, tokens, reads)) for path in paths)
    yield Finding(
        f"answers of {len(paths)} paths, {reads:,} reads each, with {len(tokens)} keys",
        "one body a path",
        f"{repeated} bodies",
        repeated == len(paths) and all(status == _OK for status, _ in first.values()),
    )
    machine.intake.post_events(story.events[:_LATER_EVENTS])
    while machine.timeline.relay.step():
        pass
    changed = sum(_answers(client, path, tokens, 1) != {first[path]} for path in paths)
    yield Finding(
        "the same paths after more events within the epoch",
        "nothing changes",
        f"{changed} paths changed",
        changed == 0,
    )
    yield from _alike(story, client, tokens)


def _paths(story: Scenario) -> list[str]:
    base = f"/v1/videos/{LIKED}"
    dimensions = [f"{base}/likes/breakdowns/{dimension.name}" for dimension in story.policy.domain.dimensions]
    return [base, f"{base}/likes", f"{base}/likes/timeseries", f"{base}/likes/changes", *dimensions]


def _answers(client: FlaskClient, path: str, tokens: Sequence[str], reads: int) -> set[tuple[int, bytes]]:
    """The distinct answers."""
    answers = set()
    for turn in range(reads):
        token = tokens[turn % len(tokens)]
        answer = client.get(path, headers={"Authorization": f"Bearer {token}"})
        answers.add((answer.status_code, answer.data))
    return answers


def _alike(story: Scenario, client: FlaskClient, tokens: Sequence[str]) -> Iterator[Finding]:
    """A video with almost enough likes and one with none, but for their names."""
    for path in _paths(story):
        bodies = set()
        for video in (FEW, NONE):
            status, body = _answers(client, path.replace(LIKED, video), tokens, 1).pop()
            bodies.add((status, re.sub(re.escape(video.encode()), b"", body)))
        yield Finding(
            f"{path.replace(LIKED, '…')} of {story.policy.k - 1} likes and of none",
            "the same but for the name",
            "the same" if len(bodies) == 1 else "different",
            len(bodies) == 1,
        )
