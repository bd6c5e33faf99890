"""The burst rule in every order of delivery: it finds what the times hold, and one like moves few others."""

from collections import Counter
from collections.abc import Iterator, Sequence
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privacy.model.engagement import Verdict
from privacy.model.timestamp import MS_PER_DAY, MS_PER_HOUR
from privacy.store.keys import vault_key
from privacy.vault.entries import AdmittedEvent
from privacy.vault.registers import RegisterStore
from tests.support.histories import LIKE
from tests.support.profiles import examples
from tests.support.redis_server import Store
from tests.support.registers import HEADER, POLICY, vault_on

MOST = POLICY.integrity.burst_likes
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
    times = sorted(random.randrange(longest_ms) for _ in range(random.randint(MOST + 1, POLICY.daily_cap)))
    for place in range(MOST, len(times)):
        times[place] = max(times[place], times[place - MOST] + BURST_MS)
    return times


@settings(max_examples=examples(40))
@given(random=st.randoms(use_true_random=True))
def test_no_order_of_delivery_makes_a_burst(random: Random, fast_store: Store) -> None:
    """In any order and with any repetition, likes that were never too many at once are all counted."""
    likes = likes_at(calm_times(random))
    again = random.choices(likes, k=random.randrange(MOST))
    sent = random.sample([*likes, *again], len(likes) + len(again))
    verdicts = Counter(verdicts_of(sent, fast_store, random.choice([13, 1_000])))
    assert verdicts == Counter({Verdict.COUNTED: len(likes), Verdict.DUPLICATE: len(again)})
    assert not times_found(fast_store)


def test_a_like_that_comes_late_brands_nobody(fast_store: Store) -> None:
    """Sixty likes in five hours, of which two are eight seconds apart; the second comes as the 31st."""
    first, late, *later = likes_at([0, 8_000, *range(300_000, 59 * 300_000, 300_000)])
    sent = [first, *later[: MOST - 1], late, *later[MOST - 1 :]]
    assert verdicts_of(sent, fast_store) == [Verdict.COUNTED] * 60
    assert not times_found(fast_store)


@pytest.mark.parametrize("batch", [7, 1_000])
def test_a_burst_is_found_with_its_first_like_too_many(batch: int, fast_store: Store) -> None:
    """Also where as many and the next like just fit into the time, and likes are repeated."""
    likes = likes_at([(BURST_MS - 1) * place // MOST for place in range(2 * MOST + 1)])
    sent = [event for like in likes for event in (like, like)]
    expected = [Verdict.COUNTED] * MOST + [Verdict.UNCOUNTED] * (MOST + 1)
    assert verdicts_of(sent, fast_store, batch)[::2] == expected
    assert times_found(fast_store) == [1]


def test_a_burst_is_over_when_its_likes_are(fast_store: Store) -> None:
    """A like that comes a second later than the time of a burst is counted, and the next burst is another."""
    burst = [place * 10 for place in range(MOST + 5)]
    likes = likes_at([*burst, *(BURST_MS + 1_000 + at_ms for at_ms in burst)])
    expected = [*[Verdict.COUNTED] * MOST, *[Verdict.UNCOUNTED] * 5]
    assert verdicts_of(likes, fast_store) == [*expected, *expected]
    assert times_found(fast_store) == [2]


@pytest.mark.parametrize("place", [1, MOST // 2, MOST - 1])
def test_an_old_like_hides_no_more_than_the_likes_before_it(place: int, fast_store: Store) -> None:
    """What comes after it is counted until as many came again, all of them close together."""
    likes = likes_at([0, *range(BURST_MS, BURST_MS + 3 * MOST)])
    sent = [*likes[1 : 1 + place], likes[0], *likes[1 + place :]]
    counted = place + 1 + MOST
    uncounted = len(likes) - counted
    expected = [Verdict.COUNTED] * counted + [Verdict.UNCOUNTED] * uncounted
    assert verdicts_of(sent, fast_store) == expected
    assert times_found(fast_store) == [1]


def test_a_like_from_before_a_burst_is_not_in_it(fast_store: Store) -> None:
    """It comes after them and happened before them, close as it is; the next one has them all before it."""
    early, *burst = likes_at([0, *range(1_000, 1_001 + MOST)])
    sent = [*burst[:MOST], early, burst[MOST]]
    assert verdicts_of(sent, fast_store) == [Verdict.COUNTED] * (MOST + 1) + [Verdict.UNCOUNTED]


def test_midnight_ends_what_a_like_is_compared_with(fast_store: Store) -> None:
    """Likes are compared with those that were admitted on the same day."""
    fast_store.flush()
    vault = vault_on(fast_store, POLICY.flip_cap, POLICY.daily_cap)
    likes = likes_at([place * 10 for place in range(2 * MOST)])
    assert vault.record(likes[:MOST], MS_PER_DAY - 1) == [Verdict.COUNTED] * MOST
    assert vault.record(likes[MOST:], MS_PER_DAY) == [Verdict.COUNTED] * MOST


def hasty_times(random: Random) -> list[int]:
    """Draw times in any order, of which many are in bursts of a rule of three likes within a second."""
    at_ms, times = 0, []
    for _ in range(40):
        at_ms += random.choice([0, 200, 300, 400, 600, 1_100])
        times.append(at_ms + random.choice([0, 0, 0, -700, 500]))
    return times


def bursts_of(likes: Sequence[AdmittedEvent], vault: RegisterStore) -> dict[int, bool]:
    """Record likes of one account, and return which of them are in a burst, by series."""
    verdicts = vault.record(likes, 0)
    return {
        series: verdict is Verdict.UNCOUNTED for (_, series, *_), verdict in zip(likes, verdicts, strict=True)
    }


@settings(max_examples=examples(40))
@given(random=st.randoms(use_true_random=True))
def test_one_like_less_moves_only_the_likes_right_after_it(random: Random, fast_store: Store) -> None:
    """In any order of arrival, the fate of at most `burst_likes` others changes: those that come next."""
    few = msgspec.structs.replace(POLICY.integrity, burst_likes=3, burst_seconds=1)
    fast_store.flush()
    vault = vault_on(fast_store, POLICY.flip_cap, POLICY.daily_cap, integrity=few)
    likes = likes_at([1_000 + at_ms for at_ms in hasty_times(random)])
    left_out = random.randrange(len(likes))
    before = bursts_of(likes, vault)
    others = [("bo", *like[1:]) for like in (*likes[:left_out], *likes[left_out + 1 :])]
    after = bursts_of(others, vault)
    changed = [series for series, was_burst in after.items() if was_burst != before[series]]
    next_ones = [series for _, series, *_ in likes[left_out + 1 : left_out + 1 + few.burst_likes]]
    assert set(changed) <= set(next_ones)


def test_no_like_moves_more_others_than_a_burst_has(fast_store: Store) -> None:
    """At a pace at which each like is just one too many, one less makes the rule count the next ones."""
    few = msgspec.structs.replace(POLICY.integrity, burst_likes=3, burst_seconds=1)
    fast_store.flush()
    vault = vault_on(fast_store, POLICY.flip_cap, POLICY.daily_cap, integrity=few)
    likes = likes_at([300 * place for place in range(12)])
    without = [("bo", *like[1:]) for like in (*likes[:4], *likes[5:])]
    before, after = bursts_of(likes, vault), bursts_of(without, vault)
    assert [series for series, was_burst in after.items() if was_burst != before[series]] == [24, 28, 32]
