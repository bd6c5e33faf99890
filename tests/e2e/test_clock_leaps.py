"""Each process, as it is wired, rests while its clock leaps, and goes on afterwards."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from unittest.mock import patch

import pytest

from api.http.system import clock_ms, entropy
from api.platform import wsgi as platform
from api.public import wsgi as public
from api.runtime import maintenance, relay, release
from privacy.errors import ClockError
from privacy.model.timestamp import MS_PER_DAY, MS_PER_HOUR
from privacy.signing.signing_key_file import create_ledger_key
from privacy.store.settings import Settings
from privacy.store.users import Process
from tests.support.prepared_store import prepare_store, process_environment
from tests.support.redis_server import Store

LEAPS_MS = (3_650 * MS_PER_DAY, 25 * MS_PER_HOUR, -MS_PER_HOUR)


@dataclass
class WallClock:
    """The real time, and how far a test has set it ahead."""

    ahead_ms: int = 0

    def __call__(self) -> int:
        """Return the time."""
        return clock_ms() + self.ahead_ms


@pytest.fixture
def settings(store: Store, tmp_path: Path) -> Settings:
    """The settings of a store that is set up."""
    prepare_store(store.settings, tmp_path)
    create_ledger_key(tmp_path / "ledger.key", entropy)
    return replace(Settings.from_environment({}, tmp_path), store=store.settings)


def step_of(
    module: ModuleType, run: Callable[[Settings], None], settings: Settings, wall: WallClock
) -> Callable[[], int]:
    """Start a worker up to its loop, and return the step that it would repeat."""
    steps: list[Callable[[], int]] = []
    with (
        patch.object(module, "poll", lambda step, *_: steps.append(step)),
        patch.object(module, "clock_ms", wall),
    ):
        run(settings)
    return steps[0]


@pytest.mark.parametrize(
    ("module", "run"),
    [
        (relay, relay.run_relay),
        (release, release.run_release),
        (maintenance, maintenance.run_maintenance),
    ],
    ids=["relay", "release", "maintenance"],
)
def test_a_worker_rests_while_its_clock_leaps(
    settings: Settings, module: ModuleType, run: Callable[[Settings], None]
) -> None:
    """No step begins at a time that the store contradicts, and every later one does."""
    wall = WallClock()
    step = step_of(module, run, settings, wall)
    step()
    for leap_ms in LEAPS_MS:
        wall.ahead_ms = leap_ms
        with pytest.raises(ClockError):
            step()
        wall.ahead_ms = 0
        step()


@pytest.mark.parametrize(
    ("module", "process"),
    [(platform, Process.PLATFORM), (public, Process.PUBLIC)],
    ids=["platform", "public"],
)
def test_a_plane_is_not_ready_while_its_clock_leaps(
    store: Store, settings: Settings, tmp_path: Path, module: ModuleType, process: Process
) -> None:
    """Its readiness says so, and it lives."""
    wall = WallClock()
    assert settings.store == store.settings
    with (
        patch.dict(os.environ, process_environment(store.settings, tmp_path, process), clear=True),
        patch.object(module, "clock_ms", wall),
    ):
        client = module.create().test_client()
    assert client.get("/readyz").status_code == 200
    for leap_ms in LEAPS_MS:
        wall.ahead_ms = leap_ms
        ready = client.get("/readyz")
        assert (ready.status_code, ready.get_json()["type"]) == (503, "urn:likewise:problem:clocks-disagree")
        assert client.get("/healthz").status_code == 200
        wall.ahead_ms = 0
        assert client.get("/readyz").status_code == 200
