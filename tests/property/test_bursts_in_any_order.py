"""The burst rule in every order of delivery: it finds no burst that the times of the likes do not hold."""

from collections import Counter
from collections.abc import Iterator, Sequence
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privacy.model.engagement import Verdict
from privacy.model.timestamp import MS_PER_HOUR
from privacy.store.keys import vault_key
from privacy.vault.entries import AdmittedEvent
from tests.support.histories import LIKE
from tests.support.profiles import examples
from tests.support.redis_server import Store
from tests.support.registers import HEADER, POLICY, vault_on

RUN = POLICY.integrity.burst_likes
BURST_MS = 1_000 * POLICY.integrity.burst_seconds
BEGAN_MS = 100 * MS_PER_HOUR


@pytest.fixture(scope="module")
def fast_store(shared_store: Store) -> Iterator[Store]:
    """The store without fsync."""
    with shared_store.without_fsync():
        yield shared_store


def likes_at(times_ms: Sequence[int]) -> list[AdmittedEvent]:
    """Return an account's likes of different targets at these times."""
    return [("ada", 4 * place, BEGAN_MS + at_ms, LIKE, 0) for place, at_ms in enumerate(times_ms, 1)]


def verdicts_of(likes: Sequence[AdmittedEvent], store: Store, batch: int = 1_000) -> list[Verdict]:
    """Record likes on an empty store under the shipped policy, in batches of that size."""
    store.flush()
    vault = vault_on(store, POLICY.flip_cap, POLICY.daily_cap)
    batches = [likes[first : first + batch] for first in range(0, len(likes), batch)]
    return [verdict for some in batches for verdict in vault.record(some, 0)]


def times_found(store: Store) -> list[int]:
    """Return how often each account was found in a burst."""
    keys = [vault_key(shard, "flagged") for shard in range(HEADER.account_shards)]
    return [int(times) for key in keys for times in store.root.hvals(key)]


def calm_times(random: Random) -> list[int]:
    """Draw times of which the time of a burst never holds more than a run; often it holds just that many."""
    longest_ms = random.choice([BURST_MS // 2, 4 * BURST_MS, MS_PER_HOUR])
    times = sorted(random.randrange(longest_ms) for _ in range(random.randint(RUN + 1, POLICY.daily_cap)))
    for place in range(RUN, len(times)):
        times[place] = max(times[place], times[place - RUN] + BURST_MS)
    return times


@settings(max_examples=examples(40))
@given(random=st.randoms(use_true_random=True))
def test_no_order_of_delivery_makes_a_burst(random: Random, fast_store: Store) -> None:
    """In any order and with any repetition, likes that were never too many at once are all counted."""
    likes = likes_at(calm_times(random))
    again = random.choices(likes, k=random.randrange(RUN))
    sent = random.sample([*likes, *again], len(likes) + len(again))
    verdicts = Counter(verdicts_of(sent, fast_store, random.choice([13, 1_000])))
    assert verdicts == Counter({Verdict.COUNTED: len(likes), Verdict.DUPLICATE: len(again)})
    assert not times_found(fast_store)


def test_a_like_that_comes_late_brands_nobody(fast_store: Store) -> None:
    """Sixty likes in five hours, of which two are eight seconds apart; the second comes as the 31st."""
    first, late, *later = likes_at([0, 8_000, *range(300_000, 59 * 300_000, 300_000)])
    sent = [first, *later[: RUN - 1], late, *later[RUN - 1 :]]
    assert verdicts_of(sent, fast_store) == [Verdict.COUNTED] * 60
    assert not times_found(fast_store)


@pytest.mark.parametrize("batch", [7, 1_000])
def test_a_burst_in_order_is_found_after_one_run(batch: int, fast_store: Store) -> None:
    """Also where a run and the next like just fit into the time, and likes are repeated."""
    likes = likes_at([(BURST_MS - 1) * place // RUN for place in range(2 * RUN + 1)])
    sent = [event for like in likes for event in (like, like)]
    expected = [Verdict.COUNTED] * RUN + [Verdict.UNCOUNTED] * (RUN + 1)
    assert verdicts_of(sent, fast_store, batch)[::2] == expected
    assert times_found(fast_store) == [2]


@pytest.mark.parametrize("place", [1, RUN // 2, RUN - 1])
def test_an_old_like_hides_the_burst_that_it_comes_in(place: int, fast_store: Store) -> None:
    """A run with a like from before its first one is not close together; the burst after it is found."""
    likes = likes_at([0, *range(1_000, 1_000 + 3 * RUN)])
    sent = [*likes[1 : 1 + place], likes[0], *likes[1 + place :]]
    assert verdicts_of(sent, fast_store) == [Verdict.COUNTED] * (2 * RUN) + [Verdict.UNCOUNTED] * (RUN + 1)
    assert times_found(fast_store) == [2]
