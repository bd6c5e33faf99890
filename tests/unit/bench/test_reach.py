"""What `bench reach` calculates: from exact counts, without noise."""

import json

import numpy as np
import pytest

from api.replay.records import TimedRecord
from bench.reach import coverages, load_policies, thresholds
from bench.reach_model import MEDIAN_ERROR, Shown, coverage, median_error
from bench.reach_worlds import History, Profile
from privacy.mechanism.accounting import TOTAL
from privacy.policy.file import load_policy


def test_the_packaged_policy_meets_the_bars_that_need_no_world() -> None:
    """Thresholds at every epoch, and the coverage of audiences by their size."""
    policies = load_policies()
    profiles = Profile.of_topics(policies.audiences.policy)
    figures = [*thresholds(policies), *coverages(policies.audiences, profiles)]
    assert [figure.what for figure in figures if figure.bar is None] == []
    assert [(figure.what, figure.value) for figure in figures if not figure.passed] == []


def test_a_number_is_shown_as_often_as_its_noise_clears_the_margin() -> None:
    """Half the time at the threshold, never below k, and as the drawn noise does in between."""
    counts = np.array([[19, 100, 112, 124]])
    shown = Shown.by_gate(counts, np.array([12.0]), np.array([80.0]), k=20)
    assert shown.probabilities[0, :2].tolist() == [0.0, 0.5]
    estimates = counts + np.random.default_rng(1).normal(0, 12, (200_000, 1))
    drawn = ((counts >= 20) & (estimates >= 100)).mean(axis=0)
    assert shown.probabilities[0] == pytest.approx(drawn, abs=0.005)


def test_coverage_is_the_share_of_accounts_in_shown_cells() -> None:
    """A mean over the dimensions; one that is not declared shows nothing."""
    counts = {"gender": np.array([[60, 40]]), "region": np.array([[90, 10]]), "device": np.array([[50, 50]])}
    ones = np.ones((1, 2))
    shown = {
        "gender": Shown(np.array([[1.0, 0.5]]), ones),
        "region": Shown(np.array([[1.0, 0.0]]), ones),
    }
    assert coverage(counts, shown, tuple(counts)) == pytest.approx([(0.8 + 0.9 + 0.0) / 3])


def test_the_median_error_is_that_of_shown_numbers() -> None:
    """Numbers that are withheld do not count, however noisy they are."""
    shown = {TOTAL: Shown(np.array([[1.0], [1.0], [0.0]]), np.array([[10.0], [10.0], [99.0]]))}
    assert median_error(shown) == pytest.approx(10 * MEDIAN_ERROR)
    assert np.isnan(median_error({TOTAL: Shown(np.zeros((2, 1)), np.ones((2, 1)))}))


def test_a_history_counts_the_likes_that_stay() -> None:
    """Each account once, in the cells of its first like; children and what was taken back are left out."""
    policy = load_policy()
    said = [
        ("like", "a", "female", "public"),
        ("like", "a", "male", "public"),
        ("like", "b", "male", "private"),
        ("like", "c", "male", "public"),
        ("unlike", "c", "male", "public"),
        ("favorite", "d", "male", "public"),
    ]
    events = [
        {
            "type": kind,
            "account_id": account,
            "video_id": "v",
            "occurred_at": f"2026-05-01T0{hour}:00:00Z",
            "profile": {"gender": gender},
            "visibility": visibility,
        }
        for hour, (kind, account, gender, visibility) in enumerate(said)
    ]
    events.append(events[0] | {"account_id": "e", "profile": {"age_band": "under-13"}})
    history = History(policy, ["v"])
    likes = history.read(TimedRecord(0, json.dumps(event).encode()) for event in events)
    assert [(like.account, like.stays) for like in likes] == [("a", True), ("b", True), ("c", False)]
    counts = history.count([0, 0], [like for like in likes if like.stays], 1)
    assert counts[TOTAL].tolist() == [[2]]
    assert counts["gender"].tolist() == [[1, 0, 0, 1]]
