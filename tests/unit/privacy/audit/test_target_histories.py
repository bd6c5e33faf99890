"""Releases with equal bytes are read only once."""

import os

from privacy.audit.target_histories import CountChange, TargetHistories, encode_log, map_documents
from privacy.mechanism.accounting import calibrate
from privacy.model.documents import ReleaseDocument
from privacy.model.engagement import Kind
from privacy.policy.file import load_policy


def test_equal_bytes_are_read_once_and_others_by_themselves() -> None:
    """Every release gets the result of its own bytes."""
    policy = load_policy()
    likes = [0, 1, 2_000, 2, 3_000]
    logs = [encode_log(policy, [CountChange({}, count)]) for count in likes]
    releases = TargetHistories.create(calibrate(policy, Kind.LIKE), len(logs)).release(logs, os.urandom)
    read: list[ReleaseDocument] = []

    def read_total(document: ReleaseDocument) -> object:
        read.append(document)
        return document.total

    assert map_documents(releases, read_total) == [release.document.total for release in releases]
    assert len(read) == 3
