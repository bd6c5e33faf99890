"""Fixtures of the fault tests."""

from collections.abc import Iterator

import pytest

from tests.faults.deployment import Pool
from tests.support.profiles import is_nightly


@pytest.fixture(scope="session")
def pool() -> Iterator[Pool]:
    """The process that forks those of every deployment."""
    with Pool() as forking:
        yield forking


@pytest.fixture(scope="session")
def faults_seed(pytestconfig: pytest.Config) -> int:
    """Seeds every history and chooses every moment: the same number in `make test`, a new one at night."""
    return int(pytestconfig.getoption("hypothesis_seed")) if is_nightly() else 1
