"""The processes of the kill tests: starts them, kills them, and starts them again."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from privacy.model.timestamp import MS_PER_HOUR
from privacy.store.users import USERS
from tests.support.crash_plan import DAILY_CAP, FLIP_CAP, batch_of, reference_of
from tests.support.redis_server import Store
from tests.support.registers import put_in_force, registry_of, vault_on
from tests.support.release_world import ReleaseWorld, calibration, count_streams, read_counts

WRITERS = ("ada", "bo")
VIDEOS = tuple(f"video-{number}" for number in range(4))
_REPOSITORY = Path(__file__).parents[2]


class CrashSite:
    """Two relays, two release workers and two writers, each a separate process, on one store.

    Args:
        store: a running, empty store.
        folder: for the files through which the processes and the test communicate.
    """

    def __init__(self, store: Store, folder: Path) -> None:
        self.store = store
        self.world = ReleaseWorld(store)
        self.world.register(VIDEOS, calibration("long").policy)
        put_in_force(store, registry_of(FLIP_CAP, DAILY_CAP))
        self.series = sorted(self.world.numbers.values())
        self._clock = folder / "clock"
        self._acknowledged = {writer: folder / f"acknowledged-{writer}" for writer in WRITERS}
        self.set_epoch(0)
        clock: dict[str, object] = {"clock": str(self._clock)}
        roles: dict[str, tuple[str, dict[str, object]]] = {
            f"{role} {number}": (role, clock) for role in ("relay", "release") for number in (1, 2)
        }
        for writer, path in self._acknowledged.items():
            path.touch()
            written = {"name": writer, "acknowledged": str(path), "series": self.series}
            roles[writer] = ("writer", clock | written)
        self._roles = roles
        self._pids: dict[str, int] = {}

    def __enter__(self) -> Self:
        self._pool = subprocess.Popen(
            [sys.executable, "-m", "tests.support.crash_process_pool"],
            cwd=_REPOSITORY,
            env={**os.environ, **self.store.settings.environment(USERS)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in self.names:
            self.start(name)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in list(self._pids):
            self.kill(name)
        self._pool.communicate()

    @property
    def names(self) -> list[str]:
        """The names of all processes."""
        return list(self._roles)

    def start(self, name: str) -> None:
        """Start one process."""
        role, arguments = self._roles[name]
        assert self._pool.stdin is not None
        assert self._pool.stdout is not None
        self._pool.stdin.write(f"{role} {json.dumps(arguments)}\n")
        self._pool.stdin.flush()
        self._pids[name] = int(self._pool.stdout.readline())

    def kill(self, name: str) -> None:
        """End one process with SIGKILL."""
        os.kill(self._pids.pop(name), signal.SIGKILL)

    def set_epoch(self, epochs: int) -> None:
        """Set the clock to the end of the given number of epochs."""
        draft = self._clock.with_suffix(".draft")
        draft.write_text(str(epochs * MS_PER_HOUR))
        draft.replace(self._clock)
        self.world.now_ms = epochs * MS_PER_HOUR

    def acknowledged(self) -> dict[str, int]:
        """Return the number of acknowledged batches per writer."""
        return {writer: path.stat().st_size for writer, path in self._acknowledged.items()}

    def check(self, epochs: int) -> None:
        """After the last kill, check every acknowledged batch once, every release once, all chains intact."""
        acknowledged = self.acknowledged()
        self._send_unacknowledged(acknowledged)
        self.world.run_due()
        sent = {writer: batches + 1 for writer, batches in acknowledged.items()}
        policy, changes = calibration("long").policy, reference_of(sent, self.series).changes
        counts = count_streams(changes, self.series, policy)
        assert read_counts(self.store.root, self.series, policy) == counts
        self.world.check(dict.fromkeys(VIDEOS, epochs))

    def _send_unacknowledged(self, acknowledged: dict[str, int]) -> None:
        """Send the batch that each writer was sending when it was killed, as a client would."""
        store = self.store
        vault = vault_on(store, FLIP_CAP, DAILY_CAP, lambda: self.world.now_ms)
        for writer, batches in acknowledged.items():
            vault.record(batch_of(writer, batches, self.series), 0)
        self.world.relay().drain()
