"""Cuts the log of a server at any byte, as a kill inside `write(2)` or a power cut leaves it; loads it twice.

Nothing of this needs a compiler. A deployment works on one server, so that one log has everything in order.
The log is cut once it is whole. What was acknowledged or read before a byte was written must be there if the
log ends at that byte; what came later is sent again.
"""

import os
import random
import re
import shutil
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from tests.faults.deployment import Deployment
from tests.faults.history import ALL, Action
from tests.faults.reference import Reference
from tests.faults.run import Run
from tests.faults.sender import today
from tests.faults.stored_state import Records, count_ledger_entries, read_counts, read_records
from tests.support.eventually import eventually

PROCESSES: Final = ("platform", "relay 1", "relay 2", "release 1")
_LEAST_ACTIONS: Final = 12
_PAUSE_SECONDS: Final = 0.1
_SENT_AGAIN: Final = 2
_LOGS: Final = "appendonlydir"
_LEDGER: Final = b":ledger\r\n"
"""Ends the name of a tally's ledger in the log, once for each release."""
_DELIVERY: Final = re.compile(rb"RPUSH\r\n\$\d+\r\nt:\{t\d+\}:log:")
"""A relay appends to a log, and moves its offsets in the same transaction."""
_OFFSETS: Final = b":offsets\r\n"


@dataclass(frozen=True)
class Moment:
    """What was certain at a moment.

    Args:
        log_bytes: size of the log then; all that is said here was in it.
        acknowledged: number of acknowledged actions.
        seen: what readers saw.
        guard: the records that no restore may take back, by name of the file.
    """

    log_bytes: int
    acknowledged: int
    seen: Records
    guard: Mapping[str, bytes]


class Recording:
    """A deployment's log, with the moments at which it is known what must be in it.

    Args:
        site: a deployment on one server. Its processes have ended when this has been made.
        name: names the run and seeds it.
    """

    def __init__(self, site: Deployment, name: str) -> None:
        self.site = site
        self.rng = random.Random(name)
        site.start(*PROCESSES)
        self.run = Run(site, name, without=ALL)
        self.actions: list[Action] = []
        self.moments = [self._note()]
        while len(self.actions) < _LEAST_ACTIONS or not self.moments[-1].seen.fixed:
            self.run.rest(_PAUSE_SECONDS)
            self.actions.append(next(self.run.senders[0].actions))
            self.run.senders[0].send(self.actions[-1])
            self.moments.append(self._note())
        self.run.seen = self.moments[-1].seen
        site.end(*PROCESSES)
        self._kill_server()
        self._saved = site.folder / "whole"
        shutil.copytree(site.private_server.folder / _LOGS, self._saved)

    @cached_property
    def whole(self) -> bytes:
        """The log as it was in the end."""
        return self._log(self._saved).read_bytes()

    def draw_cut(self) -> int:
        """Draws the byte at which the log ends."""
        return self.rng.randrange(self.moments[0].log_bytes, len(self.whole))

    def find_commit(self) -> int:
        """Returns a byte in the middle of the last release that was written."""
        return self.whole.rindex(_LEDGER) + len(_LEDGER) // 2

    def find_deliveries(self, count: int) -> list[int]:
        """Returns bytes in the middle of the last changes that were relayed, after they went into a log."""
        last = [*_DELIVERY.finditer(self.whole)][-count:]
        return [self.whole.index(_OFFSETS, each.end()) + len(_OFFSETS) // 2 for each in reversed(last)]

    def cut(self, log_bytes: int) -> list[str]:
        """Loads the log up to a byte, goes on, loads what became of it, and names what is wrong then."""
        moment = max(
            (moment for moment in self.moments if moment.log_bytes <= log_bytes),
            key=lambda moment: moment.log_bytes,
        )
        self._put_back(moment, log_bytes)
        faults = self._changed_since(moment.seen)
        known = self.actions[: moment.acknowledged]
        sender = self.run.senders[0]
        sender.reference = Reference()
        for action in known:
            sender.reference.apply(action, today())
        self.site.start(*PROCESSES)
        for action in self.actions[moment.acknowledged :][:_SENT_AGAIN]:
            sender.send(action)
        self.run.settle()
        eventually(self._is_released_again, "the releases that the cut took away")
        self.site.end(*PROCESSES)
        later = self._read()
        faults += self._compare()
        self.run.restart_servers()
        return [*faults, *self._changed_since(later), *self._compare(), *self.run.check_ledgers()]

    def _is_released_again(self) -> bool:
        with self.site.open_rooms() as (private, _):
            return count_ledger_entries(private) >= self.whole.count(_LEDGER)

    def _note(self) -> Moment:
        guard = {path.name: path.read_bytes() for path in self.site.guard.iterdir() if path.is_file()}
        seen = self._read()
        size = self._log(self.site.private_server.folder / _LOGS).stat().st_size
        return Moment(size, len(self.actions), seen, guard)

    def _read(self) -> Records:
        with self.site.open_rooms() as rooms:
            return read_records(*rooms)

    def _changed_since(self, before: Records) -> list[str]:
        return before.differences(self._read())

    def _compare(self) -> list[str]:
        with self.site.open_rooms() as (private, _):
            return self.run.compare(read_counts(private))

    def _put_back(self, moment: Moment, log_bytes: int) -> None:
        self._kill_server()
        logs = self.site.private_server.folder / _LOGS
        shutil.rmtree(logs)
        shutil.copytree(self._saved, logs)
        os.truncate(self._log(logs), log_bytes)
        for path in self.site.guard.iterdir():
            if path.is_file():
                path.unlink()
        for name, content in moment.guard.items():
            (self.site.guard / name).touch(mode=0o600)
            (self.site.guard / name).write_bytes(content)
        self.site.private_server.start()

    def _kill_server(self) -> None:
        server = self.site.private_server
        if server.is_running:
            os.kill(server.pid, signal.SIGKILL)
        server.stop()

    @staticmethod
    def _log(folder: Path) -> Path:
        (log,) = folder.glob("*.incr.aof")
        return log
