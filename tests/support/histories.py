"""Hypothesis strategies for engagements of accounts, as the vault records them."""

from dataclasses import dataclass
from itertools import pairwise

from hypothesis import strategies as st

from privacy.model.timestamp import MS_PER_DAY
from privacy.vault.entries import TOO_YOUNG, UNTIMED, AdmittedEvent

SERIES = (0, 4, 8, 20, 24)
"""Numbers of likes of targets 0, 1, 2, 5 and 6: several a target shard, and more than one target shard."""
LIKE, UNLIKED, CORRECTION = 0, 1, 5

ACCOUNTS = ("ada", "bo", "cyd", "dee")


@dataclass(frozen=True)
class Batch:
    """Events that arrive together.

    Args:
        entries: as `Vault.record` takes them.
        now_ms: when they arrive.
    """

    entries: tuple[AdmittedEvent, ...]
    now_ms: int


@dataclass(frozen=True)
class History:
    """Batches in the order in which they arrive, and the caps under which they do."""

    flip_cap: int
    daily_cap: int
    batches: tuple[Batch, ...]


def entries(changes: st.SearchStrategy[int]) -> st.SearchStrategy[AdmittedEvent]:
    """Draw single events, from so few accounts, series and times that they often collide."""
    return st.tuples(
        st.sampled_from(ACCOUNTS),
        st.sampled_from(SERIES),
        st.integers(0, 7),
        changes,
        st.integers(0, 3),
    )


CHANGES = st.sampled_from([LIKE, LIKE, LIKE, UNLIKED, UNLIKED, CORRECTION, UNTIMED, TOO_YOUNG])
_KEPT_CHANGES = st.sampled_from([LIKE, LIKE, UNLIKED])


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Any events in any order, some repeated, split into batches anywhere, on days that go back and forth."""
    once = draw(st.lists(entries(CHANGES), max_size=30))
    again = draw(st.lists(st.sampled_from(once), max_size=15)) if once else []
    events = draw(st.permutations(once + again))
    cuts = sorted(draw(st.lists(st.integers(0, len(events)), max_size=4)))
    bounds = [0, *cuts, len(events)]
    return History(
        flip_cap=draw(st.sampled_from([2, 4])),
        daily_cap=draw(st.integers(1, 4)),
        batches=tuple(
            Batch(tuple(events[start:stop]), draw(st.integers(0, 3)) * MS_PER_DAY)
            for start, stop in pairwise(bounds)
        ),
    )


@st.composite
def capless_events(draw: st.DrawFn, flip_cap: int) -> list[AdmittedEvent]:
    """Distinct events that stay within w flips however they are ordered.

    Sorted by time, no engagement alternates more than w times between liked and not liked, starting with
    not liked; then no sub-sequence does either, and what takes effect is always an increasing one.
    """
    kept: list[AdmittedEvent] = []
    for entry in sorted(
        draw(st.sets(entries(_KEPT_CHANGES), max_size=30)), key=lambda entry: (entry[2], entry[3])
    ):
        account, series = entry[:2]
        states = [other[3] == LIKE for other in kept if other[:2] == (account, series)] + [entry[3] == LIKE]
        flips = sum(now != before for before, now in zip([False, *states], states, strict=False))
        if flips <= flip_cap:
            kept.append(entry)
    return kept
