"""The two Hypothesis profiles, and what else is fixed in one and fresh in the other.

`repeatable` is the default: the same examples and the same entropy in every run. `nightly` is chosen with
`--hypothesis-profile=nightly`: new examples, ten times as many or more, and the operating system's entropy.
"""

from typing import Final

from hypothesis import HealthCheck, settings

from privacy.mechanism.entropy import EntropySource, os_entropy
from tests.support.entropy import shake_entropy

REPEATABLE: Final = "repeatable"
NIGHTLY: Final = "nightly"
_NIGHTLY_FACTOR: Final = 10
_DEFAULT_EXAMPLES: Final = 100
_NO_CLOCK: Final = (HealthCheck.too_slow,)
FIXED_FIXTURES: Final = (HealthCheck.function_scoped_fixture, *_NO_CLOCK)
"""For tests whose fixture may be shared by all examples: each example empties what it uses."""


def register_profiles() -> None:
    """Register both profiles and load the repeatable one; an option of pytest's may load the other later."""
    settings.register_profile(
        REPEATABLE,
        max_examples=_DEFAULT_EXAMPLES,
        deadline=None,
        suppress_health_check=_NO_CLOCK,
        derandomize=True,
        database=None,
    )
    settings.register_profile(
        NIGHTLY,
        max_examples=_DEFAULT_EXAMPLES * _NIGHTLY_FACTOR,
        deadline=None,
        suppress_health_check=_NO_CLOCK,
        derandomize=False,
        database=None,
        print_blob=True,
    )
    settings.load_profile(REPEATABLE)


def is_nightly() -> bool:
    """Return whether the nightly profile is loaded."""
    return settings.get_current_profile_name() == NIGHTLY


def examples(count: int, at_night: int | None = None) -> int:
    """Return how many examples a test draws.

    Args:
        count: in `make test`.
        at_night: with the nightly profile; ten times as many if not given.
    """
    return (at_night or count * _NIGHTLY_FACTOR) if is_nightly() else count


def entropy_of(test: str) -> EntropySource:
    """Return the entropy of a statistical test: a fixed stream in `make test`, fresh bytes at night.

    Args:
        test: seeds the fixed stream; tests with different names draw different noise.
    """
    return os_entropy if is_nightly() else shake_entropy(test)
