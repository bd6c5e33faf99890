"""What is seen in releases is read once where their bytes are equal."""

from __future__ import annotations

import os

from privacy.audit.target_histories import CountChange, TargetHistories, each_shown, log_of
from privacy.mechanism.accounting import calibrate
from privacy.model.documents import ReleaseDocument
from privacy.model.engagement import Kind
from privacy.policy.file import load_policy


def test_equal_bytes_are_read_once_and_others_by_themselves() -> None:
    """Every release gets what its own bytes show."""
    policy = load_policy()
    likes = [0, 1, 2_000, 2, 3_000]
    logs = [log_of(policy, [CountChange({}, count)]) for count in likes]
    releases = TargetHistories.fresh(calibrate(policy, Kind.LIKE), len(logs)).release(logs, os.urandom)
    read: list[ReleaseDocument] = []

    def look(document: ReleaseDocument) -> object:
        read.append(document)
        return document.total

    assert each_shown(releases, look) == [release.document.total for release in releases]
    assert len(read) == 3
