"""What a data folder remembers of the platform that is simulated in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from api.simulation.platform import opening_ms
from privacy.errors import ConflictError, StoreError
from privacy.model.timestamp import format_timestamp
from privacy.store.credentials import write_private

DIARY_FILE: Final = "simulation.json"


class SimulationState(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which platform it is, and whether its history has been told."""

    seed: int
    opened_at_ms: int
    told: bool

    @property
    def opened_at(self) -> str:
        """When the platform opened."""
        return format_timestamp(self.opened_at_ms)


@dataclass(frozen=True)
class StateFile:
    """The file.

    Args:
        folder: the data folder.
    """

    folder: Path

    def open(self, seed: int, now_ms: int, *, new_store: bool) -> SimulationState:
        """Read the diary; in a new store, begin one.

        Raises:
            ConflictError: the store has a life of its own, or another seed.
            StoreError: the diary is damaged or cannot be written.
        """
        path = self.folder / DIARY_FILE
        if not path.exists():
            if not new_store:
                raise ConflictError(
                    f"--simulate: the store in {self.folder} is in use and was not simulated; "
                    "choose another --data-folder"
                )
            self.write(SimulationState(seed, opening_ms(now_ms), told=False))
        try:
            diary = msgspec.json.decode(path.read_bytes(), type=SimulationState)
        except (OSError, msgspec.MsgspecError) as error:
            raise StoreError(f"{path} is damaged: {error}") from error
        if diary.seed != seed:
            raise ConflictError(
                f"--seed: the platform in {self.folder} is the one of seed {diary.seed}; "
                "choose another --data-folder"
            )
        return diary

    def write(self, diary: SimulationState) -> None:
        """Write the diary.

        Raises:
            StoreError: the folder does not allow it.
        """
        write_private(self.folder / DIARY_FILE, msgspec.json.encode(diary).decode())
