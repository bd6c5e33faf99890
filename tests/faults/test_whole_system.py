"""At night: kills of every process that `likewise up` runs, its servers and itself included."""

import os
import random
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.faults.deployment import PROCESSES, Pool, deployed
from tests.faults.figures import Figures
from tests.faults.run import Run
from tests.support.command_line import all_gone, family, start_up
from tests.support.ports import free_port

ROUNDS, KILLS_PER_ROUND = 2, 15
MAX_CALM_SECONDS = 2.0


@dataclass
class WholeSystem:
    """`likewise up`, started again whenever it has ended.

    Args:
        folder: its data folder.
        policy: its policy file.
        port: of its platform plane.
    """

    folder: Path
    policy: Path
    port: int
    _process: subprocess.Popen[str] | None = field(default=None, init=False)

    def tend(self) -> None:
        """Starts it if it does not run."""
        if self._process is None or self._process.poll() is not None:
            self._close()
            options = ("--policy", str(self.policy), "--platform-port", str(self.port))
            self._process = start_up(self.folder, *options)

    def kill(self, rng: random.Random) -> None:
        """Ends one of its processes with SIGKILL."""
        assert self._process is not None
        with suppress(ProcessLookupError):
            os.kill(rng.choice(sorted(family(self._process.pid))), signal.SIGKILL)

    def end(self) -> None:
        """Ends all of it."""
        assert self._process is not None
        everything = family(self._process.pid)
        self._process.terminate()
        self._process.wait()
        self._close()
        all_gone(everything)

    def _close(self) -> None:
        if self._process and self._process.stdout:
            self._process.stdout.close()


@pytest.mark.nightly(part="faults-kills")
@pytest.mark.timeout(3600)
def test_kills_of_a_whole_system_lose_and_double_nothing(
    tmp_path: Path, pool: Pool, faults_seed: int, figures: Figures
) -> None:
    """Whatever is killed, supervisor and servers included, is started again and loses nothing."""
    system = None
    for number in range(ROUNDS):
        with deployed(tmp_path, pool) as site:
            site.start("platform")
            system = system or WholeSystem(site.data, site.policy, free_port())
            run = Run(site, f"system-{faults_seed}-{number}", port=system.port)
        run.tend = system.tend
        with run.sending():
            for kill in range(KILLS_PER_ROUND):
                if kill % 2:
                    run.wait_for_actions()
                run.rest(run.rng.random() * MAX_CALM_SECONDS)
                system.kill(run.rng)
        system.end()
        with deployed(tmp_path, pool) as site:
            site.start(*PROCESSES)
            run.site, run.tend = site, site.tend
            run.check()
            figures.add(run)
        figures.tried["kills of a whole system's processes"] += KILLS_PER_ROUND
