"""The processes of a system on one machine, each with its own settings and no others."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from api.runtime.api_keys import SimulationKeys
from api.runtime.child import Program
from privacy.store.settings import PLATFORM_KEY, PREFIX, STAFF_KEY, Settings
from privacy.store.users import Process

_ROOT: Final = Path(__file__).parents[2]
COMMANDS: Final = {Process.MAINTENANCE: "maintain"}
"""Commands of processes that are not called like them."""


@dataclass(frozen=True)
class Programs:
    """Makes the programs of one system.

    Args:
        settings: of the system, with the passwords of all users.
        environment: of this process; Likewise's own variables are not passed on.
    """

    settings: Settings
    environment: Mapping[str, str]

    def plane(self, process: Process, port: int, health_port: int) -> Program:
        """Returns the program of a plane; the public one does not even learn where the private room is."""
        options = ("--port", str(port), "--health-port", str(health_port))
        health_url = f"http://127.0.0.1:{health_port}/healthz"
        return Program(process, (process, *options), self._environment(process), health_url)

    def worker(self, process: Process) -> Program:
        """Returns the program of a worker."""
        return Program(process, (COMMANDS.get(process, process),), self._environment(process))

    def simulate(self, platform_url: str, keys: SimulationKeys, seed: int, opened_at: str) -> Program:
        """Returns the simulated platform's program: it has API keys and knows no store."""
        file = self.settings.policy_file
        policy = ("--policy", str(file)) if file else ()
        options = ("--platform-url", platform_url, "--seed", str(seed), "--opened-at", opened_at, *policy)
        tokens = {PLATFORM_KEY.name: keys.feed, STAFF_KEY.name: keys.staff}
        return Program("simulate", ("simulate", *options), self._base() | tokens)

    def _environment(self, process: Process) -> dict[str, str]:
        return self._base() | self.settings.environment(process)

    def _base(self) -> dict[str, str]:
        base = {name: value for name, value in self.environment.items() if not name.startswith(PREFIX)}
        # The programs are found where this one was, whatever the working folder is.
        path = [str(_ROOT), *filter(None, [base.get("PYTHONPATH")])]
        return base | {"PYTHONPATH": ":".join(path)}
