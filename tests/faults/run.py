"""A run: senders send, readers look, faults happen; and what must hold in the end."""

import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from threading import Event as Flag
from typing import Final

from redis.exceptions import ConnectionError as LostConnectionError
from redis.exceptions import TimeoutError as SlowStoreError

from tests.faults.deployment import Deployment
from tests.faults.history import NONE, StaffActions, Targets, generate
from tests.faults.reference import PROFILE_DIMENSIONS, Reference
from tests.faults.sender import Client, Sender, register
from tests.faults.stored_state import Counts, Records, check_ledgers, count_waiting, read_counts, read_records

_SENDERS: Final = ("ada", "bo")
_PAUSE_SECONDS: Final = 0.06
_LOOK_SECONDS: Final = 0.05
_SETTLE_SECONDS: Final = 0.2
_PATIENCE_SECONDS: Final = 90.0
_NOTHING: Final = Records({}, {})


class Run:
    """A run on a deployment. Its targets and accounts are its own; the deployment may serve several runs.

    Args:
        site: the deployment.
        name: names the run and seeds it.
        port: where the platform plane is reached, if not at its own port.
        without: what staff does not do.
    """

    def __init__(
        self, site: Deployment, name: str, port: int | None = None, without: StaffActions = NONE
    ) -> None:
        self.site = site
        self.tend = site.tend
        self.name = name
        self.rng = random.Random(name)
        self.targets = Targets.of_run(name)
        began_ms = time.time_ns() // 1_000_000
        register(Client(site.port, site.token), self.targets, began_ms - 500)
        client = Client(port or site.port, site.token)
        self.senders = [
            Sender(
                f"{name}-{sender}",
                client,
                generate(name, sender, self.targets, began_ms, without),
            )
            for sender in _SENDERS
        ]
        self.faults: list[str] = []
        self.found: list[str] = []
        self.seen = _NOTHING
        self._sending: list[Future[None]] = []

    @contextmanager
    def sending(self) -> Iterator[None]:
        """Sends for the duration of the block, and then until all that was sent is acknowledged."""
        halt = Flag()
        with ThreadPoolExecutor(len(self.senders)) as threads:
            self._sending = [
                threads.submit(sender.send_until, halt, _PAUSE_SECONDS) for sender in self.senders
            ]
            try:
                yield
            finally:
                halt.set()
            while not all(work.done() for work in self._sending):
                self.rest(_LOOK_SECONDS)
            self._check_senders()

    def rest(self, seconds: float) -> None:
        """Lets the deployment work; faults meet it at any of its steps."""
        time.sleep(seconds)
        self._check_senders()
        self.tend()

    def wait_for_actions(self, more: int = 1) -> None:
        """Waits until each sender has sent that many more actions, however slow the machine is."""
        wanted = [sender.sent + more for sender in self.senders]
        while any(sender.sent < least for sender, least in zip(self.senders, wanted, strict=True)):
            self.rest(_LOOK_SECONDS)

    def look(self) -> None:
        """Notes what readers see, and whether anything that they saw before has changed."""
        with suppress(LostConnectionError, SlowStoreError), self.site.open_rooms() as rooms:
            now = read_records(*rooms)
            self.faults += self.seen.differences(now)
            self.seen = now

    def check(self) -> None:
        """Checks that what was acknowledged is counted once, and that releases stand as first seen."""
        self.found = self.find_faults()
        assert not self.found, f"run {self.name}: {self.found[:20]}\n{self.site.read_logs()}"

    @property
    def seen_releases(self) -> int:
        """Number of releases of its targets that readers have seen."""
        return sum("g:releases:" in key and f":{self.name}-" in key for key in self.seen.fixed)

    def find_faults(self) -> list[str]:
        """Names what was lost, doubled, changed or answered wrongly, once all that was sent has settled."""
        self.settle()
        self.look()
        with self.site.open_rooms() as (private, _):
            counts = read_counts(private)
        verdicts = [fault for sender in self.senders for fault in sender.wrong_verdicts]
        ledgers = [*self.check_ledgers(), *self.site.verify_ledger()]
        return [*self.faults, *self.compare(counts), *ledgers, *verdicts]

    def find_miscounts(self) -> list[str]:
        """Names what was lost or doubled, once the relay has moved everything."""
        self._wait_until(self._is_relayed)
        with self.site.open_rooms() as (private, _):
            return self.compare(read_counts(private))

    def check_ledgers(self) -> list[str]:
        """Names what is wrong with the ledgers."""
        with self.site.open_rooms() as rooms:
            return check_ledgers(*rooms)

    def settle(self) -> None:
        """Waits until the relay has moved everything, and a release of the run is published and signed."""
        self._wait_until(self._is_settled)

    def compare(self, counts: Counts) -> list[str]:
        """Names every count of the run that is not what was acknowledged."""
        expected = self.expected()
        faults = ["tombstones are missing"] if counts.tombstones < expected.erased else []
        for name in self.targets.names:
            wanted = expected.net[name]
            for place, found in (("vault", counts.standing[name]), ("tally", counts.net[name])):
                if found != wanted:
                    verb = "lost" if found < wanted else "doubled"
                    faults.append(f"{place}: {abs(found - wanted)} of {wanted} {verb}, {name}")
        faults += [
            f"tally: {abs(found - wanted)} of {wanted} {'lost' if found < wanted else 'doubled'}, {cell}"
            for cell in expected.cells.keys() | counts.cells.keys()
            if cell[0] in self.targets.names
            and cell[1] in PROFILE_DIMENSIONS
            and (found := counts.cells[cell]) != (wanted := expected.cells[cell])
        ]
        for name, reason in expected.removed.keys() | counts.removed.keys():
            wanted, found = expected.removed[name, reason], counts.removed[name, reason]
            if name in self.targets.names and found != wanted:
                faults.append(f"tally: {found} of {wanted} removed as {reason}, {name}")
        return faults

    def expected(self) -> Reference:
        """Returns what all senders together have done."""
        whole = Reference()
        for sender in self.senders:
            whole.add(sender.reference)
        return whole

    def restart_servers(self) -> None:
        """Ends every server on request and loads what it has written once more."""
        for server in self.site.servers.values():
            server.stop()
            server.start()

    def _check_senders(self) -> None:
        for work in self._sending:
            if work.done():
                work.result()

    def _wait_until(self, is_true: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not is_true():
            assert time.monotonic() < deadline, f"{self.name} does not settle\n{self.site.read_logs()}"
            self.rest(_SETTLE_SECONDS)

    def _is_relayed(self) -> bool:
        with suppress(LostConnectionError, SlowStoreError), self.site.open_rooms() as (private, _):
            return not count_waiting(private)
        return False

    def _is_settled(self) -> bool:
        with suppress(LostConnectionError, SlowStoreError), self.site.open_rooms() as (private, gallery):
            video = f"*:{self.targets.videos[0]}:like"
            is_released = any(gallery.scan_iter(match=f"g:releases:{video}", count=1000))
            return is_released and bool(gallery.exists("g:heads")) and not count_waiting(private)
        return False
