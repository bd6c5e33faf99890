"""A running system that tests share where none of them ends it."""

from collections.abc import Iterator

import pytest

from tests.support.command_line import System, up


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """`likewise up`, started once per worker of pytest-xdist that runs such tests.

    Tests use accounts, videos and key owners of their own names.
    """
    with up(tmp_path_factory.mktemp("system") / "data") as running:
        yield running
