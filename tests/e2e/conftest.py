"""A running system that the tests of a file share where none of them ends it."""

from collections.abc import Iterator

import pytest

from tests.support.command_line import System, up


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """`likewise up`, started once for a file and ended with it: its processes work as long as they run.

    Tests use accounts, videos and key owners of their own names.
    """
    with up(tmp_path_factory.mktemp("system") / "data") as running:
        yield running
