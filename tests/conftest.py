"""Fixtures shared by every kind of test."""

import gc
import secrets
from collections.abc import Iterator
from typing import Final

import pytest

from privacy.embedded.server import EmbeddedRedis
from tests.support.nightly import COLLECTED, FIGURES
from tests.support.profiles import NIGHTLY, is_nightly, register_profiles
from tests.support.redis_server import Store, clients, server_with_root

_SEED: Final = "hypothesis_seed"
register_profiles()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Choose the seed of a nightly run, so that it can be named and given again."""
    if config.getoption("hypothesis_profile") == NIGHTLY and config.getoption(_SEED) is None:
        setattr(config.option, _SEED, str(secrets.randbelow(2**32)))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep what was collected before anything is deselected, for the test of the nightly parts."""
    config.stash[COLLECTED] = list(items)


def pytest_collection_finish() -> None:
    """Take what is loaded now out of every search for cycles: it stays until the end."""
    gc.freeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show the figures that tests left, and say how to repeat a nightly run."""
    for report in (report for reports in terminalreporter.stats.values() for report in reports):
        if isinstance(report, pytest.TestReport) and report.when == "teardown":
            for figures in (value for name, value in report.user_properties if name == FIGURES):
                terminalreporter.write_line(f"{report.nodeid}: {figures}")
    if is_nightly():
        seed = config.getoption(_SEED)
        terminalreporter.write_line(
            f"Repeat these examples with: pytest --hypothesis-profile={NIGHTLY} --hypothesis-seed={seed} TEST"
        )


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRedis]:
    """A running Redis; under pytest-xdist every worker has one of its own."""
    with server_with_root(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="session")
def shared_store(redis_server: EmbeddedRedis) -> Iterator[Store]:
    """Clients of that Redis for property tests, which empty it themselves with `flush` for every example."""
    with clients(redis_server) as store:
        yield store


@pytest.fixture
def store(shared_store: Store) -> Store:
    """Clients of an empty Redis, one a user."""
    shared_store.flush()
    return shared_store
