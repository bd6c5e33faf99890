"""Stores the state of a simulation in its data folder."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from api.simulation.platform import opening_ms
from privacy.errors import ConflictError, StoreError
from privacy.model.timestamp import format_timestamp
from privacy.store.credentials import write_private

STATE_FILE: Final = "simulation.json"


class SimulationState(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Identifies the simulated platform, and records whether its history was backfilled."""

    seed: int
    opened_at_ms: int
    backfilled: bool

    @property
    def opened_at(self) -> str:
        """Opening time of the platform, RFC 3339."""
        return format_timestamp(self.opened_at_ms)


@dataclass(frozen=True)
class StateFile:
    """The state file of a data folder.

    Args:
        folder: the data folder.
    """

    folder: Path

    def open(self, seed: int, now_ms: int, *, new_store: bool) -> SimulationState:
        """Reads the state, or creates it for a new store.

        Raises:
            ConflictError: the store was not simulated, or has another seed.
            StoreError: the file is damaged or cannot be written.
        """
        path = self.folder / STATE_FILE
        if not path.exists():
            if not new_store:
                raise ConflictError(
                    f"--simulate: the store in {self.folder} exists and was not simulated; "
                    "choose another --data-folder"
                )
            self.write(SimulationState(seed, opening_ms(now_ms), backfilled=False))
        try:
            state = msgspec.json.decode(path.read_bytes(), type=SimulationState)
        except (OSError, msgspec.MsgspecError) as error:
            raise StoreError(f"{path} is damaged: {error}") from error
        if state.seed != seed:
            raise ConflictError(
                f"--seed: the platform in {self.folder} has seed {state.seed}; choose another --data-folder"
            )
        return state

    def write(self, state: SimulationState) -> None:
        """Writes the state.

        Raises:
            StoreError: the file cannot be written.
        """
        write_private(self.folder / STATE_FILE, msgspec.json.encode(state).decode())
