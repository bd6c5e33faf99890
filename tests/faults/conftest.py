"""Fixtures of the fault tests."""

from collections.abc import Callable, Iterator

import pytest

from tests.faults.deployment import Pool
from tests.faults.figures import Figures
from tests.support.nightly import FIGURES
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


@pytest.fixture
def figures(record_property: Callable[[str, object], None]) -> Iterator[Figures]:
    """The figures of a test, which are shown at the end of the run."""
    adding = Figures()
    yield adding
    record_property(FIGURES, str(adding))
