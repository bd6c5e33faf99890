"""What a data folder remembers of its simulation."""

from __future__ import annotations

from pathlib import Path

import pytest

from api.simulation.platform import opening_ms
from api.simulation.state_file import DIARY_FILE, SimulationState, StateFile
from privacy.errors import ConflictError, StoreError

NOW_MS = 1_777_777_777_777


def test_a_new_store_begins_a_diary_and_keeps_it(tmp_path: Path) -> None:
    """The opening is fixed by the first start; a later start finds the same platform."""
    first = StateFile(tmp_path).open(3, NOW_MS, new_store=True)
    assert first == SimulationState(3, opening_ms(NOW_MS), told=False)
    assert StateFile(tmp_path).open(3, NOW_MS + 10**9, new_store=False) == first


def test_a_store_with_a_life_of_its_own_is_not_played_in(tmp_path: Path) -> None:
    """Simulated likes never mix with real ones."""
    with pytest.raises(ConflictError, match="was not simulated"):
        StateFile(tmp_path).open(3, NOW_MS, new_store=False)


def test_another_seed_is_another_platform(tmp_path: Path) -> None:
    """A folder keeps the platform that it has."""
    StateFile(tmp_path).open(3, NOW_MS, new_store=True)
    with pytest.raises(ConflictError, match="seed 3"):
        StateFile(tmp_path).open(4, NOW_MS, new_store=False)


def test_a_damaged_diary_is_said_to_be_so(tmp_path: Path) -> None:
    """It is not begun anew over a store that has a history."""
    (tmp_path / DIARY_FILE).write_text("{")
    with pytest.raises(StoreError, match="damaged"):
        StateFile(tmp_path).open(3, NOW_MS, new_store=False)
