"""The state of a simulation in its data folder."""

from pathlib import Path

import pytest

from api.simulation.platform import opening_ms
from api.simulation.state_file import STATE_FILE, SimulationState, StateFile
from privacy.errors import ConflictError, StoreError

NOW_MS = 1_777_777_777_777


def test_a_new_store_creates_its_state_and_keeps_it(tmp_path: Path) -> None:
    """The opening is fixed by the first start; a later start finds the same platform."""
    first = StateFile(tmp_path).open(3, NOW_MS, new_store=True)
    assert first == SimulationState(3, opening_ms(NOW_MS), backfilled=False)
    assert StateFile(tmp_path).open(3, NOW_MS + 10**9, new_store=False) == first


def test_a_store_that_was_not_simulated_is_refused(tmp_path: Path) -> None:
    """Simulated likes never mix with real ones."""
    with pytest.raises(ConflictError, match="was not simulated"):
        StateFile(tmp_path).open(3, NOW_MS, new_store=False)


def test_another_seed_is_another_platform(tmp_path: Path) -> None:
    """A folder keeps the platform that it has."""
    StateFile(tmp_path).open(3, NOW_MS, new_store=True)
    with pytest.raises(ConflictError, match="seed 3"):
        StateFile(tmp_path).open(4, NOW_MS, new_store=False)


def test_a_damaged_state_is_an_error(tmp_path: Path) -> None:
    """It is not recreated over a store that has a history."""
    (tmp_path / STATE_FILE).write_text("{")
    with pytest.raises(StoreError, match="damaged"):
        StateFile(tmp_path).open(3, NOW_MS, new_store=False)
