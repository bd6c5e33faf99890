"""The exact counts that a replay keeps for the operator."""

import json
from typing import Any

import numpy as np

from api.replay.exact_counts import ExactCounts, SeriesName
from api.replay.intake import PASSED
from api.replay.records import Action, ActionKind, TimedRecord
from api.replay.timeline import VirtualClock
from privacy.model.engagement import Kind
from privacy.policy.file import parse_policy
from tests.support.cli_policy import SMALL_POLICY

POLICY = parse_policy(SMALL_POLICY.encode())


def event(account: str = "a", kind: str = "like", hour: int = 0, **more: Any) -> bytes:
    """Makes an event about the video v."""
    fields = {
        "type": kind,
        "account_id": account,
        "video_id": "v",
        "occurred_at": f"2026-05-01T{hour:02d}:30:00Z",
    }
    return json.dumps(fields | more).encode()


def counts_after(
    *batches: tuple[int, list[bytes]], verdict: str = PASSED, at_ms: int = 1000
) -> dict[str, int]:
    """Returns the nonzero counts of the video at a moment; each batch arrives at its time."""
    clock = VirtualClock(0)
    exact = ExactCounts(POLICY, clock)
    for sent_ms, lines in batches:
        clock.advance_to(sent_ms)
        exact.record_events([TimedRecord(sent_ms, line) for line in lines], [verdict] * len(lines))
    counts = exact.counts_at(SeriesName(Kind.LIKE, "v"), np.array([at_ms]))[0]
    return {"/".join(name): int(counts[place]) for name, place in exact.columns.items() if counts[place]}


def test_a_like_counts_in_the_total_and_in_one_cell_of_each_dimension() -> None:
    """Gender comes from the profile, the hour from the time, in UTC."""
    line = event(hour=9, profile={"gender": "female"}, occurred_at="2026-05-01T09:30:00+02:00")
    assert counts_after((1, [line])) == {"total/total": 1, "gender/female": 1, "hour_of_day/07": 1}


def test_missing_attributes_and_private_accounts_are_undisclosed() -> None:
    """A missing attribute leaves one dimension undisclosed, a private account all of them."""
    silent = {"total/total": 1, "gender/undisclosed": 1, "hour_of_day/00": 1}
    private = {"total/total": 1, "gender/undisclosed": 1, "hour_of_day/undisclosed": 1}
    assert counts_after((1, [event()])) == silent
    assert counts_after((1, [event(profile={"gender": "male"}, visibility="private")])) == private


def test_only_what_passed_counts() -> None:
    """An event that was refused, late or a duplicate changes nothing."""
    assert counts_after((1, [event()]), verdict="over_cap") == {}


def test_an_account_counts_once_and_an_unlike_removes_it() -> None:
    """A second like does not count again; an unlike removes the like and counts as a removal."""
    assert counts_after((1, [event(), event(hour=1)])) == counts_after((1, [event()]))
    assert counts_after((1, [event()]), (2, [event(kind="unlike", hour=1)])) == {"removals/unliked": 1}
    assert counts_after((1, [event(kind="unlike")])) == {}


def test_the_cell_is_the_one_that_was_counted_first() -> None:
    """An account that likes again at another hour is counted in its first cell."""
    batches = [(1, [event()]), (2, [event(kind="unlike", hour=1)]), (3, [event(hour=2)])]
    assert counts_after(*batches)["hour_of_day/00"] == 1


def test_no_engagement_flips_more_often_than_the_policy_allows() -> None:
    """After w flips a further like does not count."""
    flips = [event(kind=("like", "unlike")[turn % 2], hour=turn) for turn in range(POLICY.flip_cap + 1)]
    assert counts_after((1, flips)) == {"removals/unliked": POLICY.flip_cap // 2}


def test_a_release_counts_events_before_its_cutoff() -> None:
    """An event that arrives at the cutoff belongs to the next release."""
    assert counts_after((500, [event()]), at_ms=500) == {}
    assert counts_after((499, [event()]), at_ms=500)["total/total"] == 1


def acted(*actions: tuple[int, ActionKind | bytes]) -> dict[str, int]:
    """Returns the counts of the video after events of account a and staff actions, each at its time."""
    clock = VirtualClock(0)
    exact = ExactCounts(POLICY, clock)
    for at_ms, what in actions:
        clock.advance_to(at_ms)
        if isinstance(what, bytes):
            exact.record_events([TimedRecord(at_ms, what)], [PASSED])
        else:
            exact.record_actions([Action(at_ms, what, "a")])
    counts = exact.counts_at(SeriesName(Kind.LIKE, "v"), np.array([1000]))[0]
    return {"/".join(name): int(counts[place]) for name, place in exact.columns.items() if counts[place]}


def test_a_ban_removes_a_like_and_a_reinstatement_restores_it() -> None:
    """Removals have the reason of the action, and flips stay within the cap."""
    assert acted((1, event()), (2, ActionKind.BAN)) == {"removals/account": 1}
    assert acted((1, event()), (2, ActionKind.PURGE)) == {"removals/inauthentic": 1}
    back = acted((1, event()), (2, ActionKind.BAN), (3, ActionKind.REINSTATE))
    assert (back["total/total"], back["removals/account"]) == (1, 1)
    again = [(at_ms, kind) for at_ms in range(2, 9) for kind in (ActionKind.BAN, ActionKind.REINSTATE)]
    assert acted((1, event()), *again) == {"removals/account": POLICY.flip_cap // 2}


def test_events_of_a_banned_account_count_once_it_is_reinstated() -> None:
    """Its choices during the ban are kept: withdrawn likes stay removed, new likes count."""
    liked: list[tuple[int, ActionKind | bytes]] = [(1, ActionKind.BAN), (2, event())]
    assert acted(*liked) == {}
    assert acted(*liked, (3, ActionKind.REINSTATE))["total/total"] == 1
    taken_back = event(kind="unlike", hour=1)
    assert acted((1, event()), (2, ActionKind.BAN), (3, taken_back), (4, ActionKind.REINSTATE)) == {
        "removals/account": 1
    }
