"""The small cache."""

from itertools import count

from api.http.expiring_cache import ExpiringCache


def test_an_entry_has_its_own_lifetime() -> None:
    """An entry is made once and again when its time is over, also if the clock stands on the very end."""
    now, made = [0.0], count()
    cache = ExpiringCache[str, int](10, lambda: now[0])

    def get() -> int:
        return cache.get("a", lambda: (next(made), 2.0))

    assert [get(), get()] == [0, 0]
    now[0] = 1.9
    assert get() == 0
    now[0] = 2.0
    assert get() == 1


def test_the_oldest_entries_leave() -> None:
    """The cache never holds more than its capacity; what was made last stays."""
    made: list[int] = []
    cache = ExpiringCache[int, int](3, lambda: 0.0)

    def get(key: int) -> int:
        def make() -> tuple[int, float]:
            made.append(key)
            return key, 9.0

        return cache.get(key, make)

    for key in (1, 2, 3, 4, 4, 3, 1):
        assert get(key) == key
    assert made == [1, 2, 3, 4, 1]


def test_nothing_is_kept_of_a_failure() -> None:
    """When an entry cannot be made, the error is the caller's and the next call tries again."""
    cache = ExpiringCache[str, int](3, lambda: 0.0)
    for _ in range(2):
        try:
            cache.get("a", lambda: (1 // 0, 1.0))
        except ZeroDivisionError:
            continue
        raise AssertionError
    assert cache.get("a", lambda: (5, 1.0)) == 5
