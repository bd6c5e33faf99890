"""`likewise up`: the whole system on this machine."""

import json
import os
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, replace
from http import HTTPStatus
from pathlib import Path
from typing import Any

import click
import msgspec

from api.cli.console import echo, progress, show_json, write
from api.cli.options import data_folder_option, policy_option, restored_option
from api.http.command import epilog
from api.http.serve import LOOPBACK, check_port, find_free_port
from api.http.system import clock_ms, entropy, uptime
from api.runtime.api_keys import FirstKeys, bootstrap_keys, create_simulation_keys
from api.runtime.child import Child, Program
from api.runtime.clock_watch import ClockWatch
from api.runtime.embedded_child import EmbeddedChild, describe_cut
from api.runtime.http_exchange import exchange, parse_server_url
from api.runtime.policy_source import PolicySource, read_policy
from api.runtime.processes import Programs
from api.runtime.stop_signal import StopSignal, stop_on_signal
from api.runtime.store_keys import KeyFiles
from api.runtime.store_setup import (
    DEFAULT_SHARD_COUNTS,
    ONE_SHARD,
    PreparedStore,
    StoreSetup,
    reapply_erasures,
)
from api.runtime.supervisor import Supervisor
from api.simulation.platform import SimulatedPlatform
from api.simulation.state_file import SimulationState, StateFile
from privacy.embedded.lock import locked
from privacy.embedded.rooms import EmbeddedRooms, StartEndedError
from privacy.errors import LikewiseError, StoreError
from privacy.rollback.guard import describe_shared_device, shares_device
from privacy.store.clock import MAX_AGE_MS, StoreClock
from privacy.store.connect import connect
from privacy.store.settings import POLICY, Settings
from privacy.store.users import MAINTENANCE, Process

_PLACEHOLDER = "KEY"


@dataclass(frozen=True)
class StartupMessage:
    """What `likewise up` prints when the system is ready.

    Args:
        public_url: address of the public plane.
        platform_url: address of the platform plane.
        keys: API keys, shown this once.
        video: a video with releases, and its creator; None in a system without any.
        pids: process ids by name.
    """

    public_url: str
    platform_url: str
    keys: FirstKeys
    video: tuple[str, str] | None
    pids: dict[str, int]

    @property
    def docs_url(self) -> str:
        """Address of the interactive documentation."""
        return f"{self.public_url}/docs"

    @property
    def page_url(self) -> str:
        """Address of the page to begin with; what is behind its `#` signs in, and never reaches a server."""
        path = f"/creators/{self.video[1]}" if self.video else "/"
        return f"{self.public_url}{path}{f'#{self.keys.public}' if self.keys.public else ''}"

    def document(self) -> dict[str, Any]:
        """Returns the message as a JSON document."""
        document = {**asdict(self), "docs_url": self.docs_url, "page_url": self.page_url}
        video = document.pop("video")
        return document | {"video_id": video[0] if video else None}

    def text(self) -> str:
        """Returns the message as text."""
        lines = ["", "Likewise is ready. Look at a creator's page:", "", f"  {self.page_url}", ""]
        lines += [f"  docs      {self.docs_url}"]
        lines += [f"  public    {self.public_url}", f"  platform  {self.platform_url}", ""]
        return "\n".join([*lines, *self._key_lines(), *self._first_requests(), "", "Ctrl-C ends everything."])

    def _key_lines(self) -> list[str]:
        shown = [("public", self.keys.public), ("platform", self.keys.platform)]
        lines = [f"  {plane:8}  {token}" for plane, token in shown if token]
        if not lines:
            return [
                "The first keys were shown at the first start; `likewise keys create` creates others.",
                "",
            ]
        return ["API keys, shown this once:", *lines, ""]

    def _first_requests(self) -> list[str]:
        read = f"curl -H 'Authorization: Bearer {self.keys.public or _PLACEHOLDER}' {self.public_url}/v1"
        if self.video:
            likes = f"{read}/videos/{self.video[0]}/likes"
            return ["Try:", f"  {likes}", f"  {likes}/breakdowns/age_band", f"  {likes}/timeseries"]
        write = f"curl -H 'Authorization: Bearer {self.keys.platform or _PLACEHOLDER}'"
        return [
            "Try: register a video, send a like, read its likes (withheld: they come from one account).",
            f"  {write} -X PUT -H 'Content-Type: application/json' \\",
            f'    -d "{{\\"posted_at\\":\\"$(date -u +%FT%TZ)\\"}}" {self.platform_url}/v1/videos/v-1',
            f"  {write} -H 'Content-Type: application/json' \\",
            (
                '    -d "[{\\"type\\":\\"like\\",\\"account_id\\":\\"a-1\\",\\"video_id\\":\\"v-1\\",'
                f'\\"occurred_at\\":\\"$(date -u +%FT%TZ)\\"}}]" {self.platform_url}/v1/events'
            ),
            f"  {read}/videos/v-1/likes",
        ]


_READY_SECONDS = 60.0
_ANSWER_SECONDS = 2.0
_FIRST_REPORT_SECONDS = 3.0
_REPORT_EVERY_SECONDS = 30.0
_LOGS = "logs"


@click.command(
    epilog=epilog(
        "likewise up --simulate                     with four weeks of history and a live feed",
        "likewise up --data-folder /var/lib/likewise",
    )
)
@data_folder_option
@click.option("--platform-port", type=click.IntRange(1, 65_535), default=8081, show_default=True)
@click.option("--public-port", type=click.IntRange(1, 65_535), default=8080, show_default=True)
@policy_option
@restored_option
@click.option("--simulate", is_flag=True, help="Simulate a platform: its history first, then a live feed.")
@click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    default=1,
    show_default=True,
    help="Random seed for the simulated history.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the ready message as JSON.")
def command(
    data_folder: Path,
    platform_port: int,
    public_port: int,
    policy_file: Path | None,
    seed: int,
    *,
    was_restored: bool | None,
    simulate: bool,
    as_json: bool,
) -> None:
    """Start the whole system on this machine; Ctrl-C or SIGTERM ends all of it.

    Sets the store up (an embedded Redis for each room, or the store named in the environment, with the
    passwords of all users), starts both planes, the relay, the release worker and the maintenance worker, and
    restarts processes that exit or hang. Logs are in the data folder.
    """
    source = read_policy(policy_file)
    check_port("--platform-port", LOOPBACK, platform_port)
    check_port("--public-port", LOOPBACK, public_port)
    with ExitStack() as held:
        stop = held.enter_context(stop_on_signal())
        try:
            settings, servers = _open_store(held, data_folder, policy_file, stop)
        except StartEndedError:
            return
        keys, guard = KeyFiles.of(settings), settings.rollback_guard_dir
        shards = ONE_SHARD if simulate else DEFAULT_SHARD_COUNTS
        setup = StoreSetup(source, keys, guard, clock_ms, entropy, shards, was_restored)
        store = setup.prepare(settings.store)
        _report_guard(store, guard, data_folder if servers else None)
        client = held.enter_context(closing(connect(store.settings, MAINTENANCE, greet=store.header.greet)))
        clock = StoreClock(client, clock_ms, uptime, MAX_AGE_MS)
        watch = ClockWatch(clock)
        if not watch.wait(stop.wait, echo):
            return
        if missing := reapply_erasures(store, clock):
            echo(f"The store is older than {missing} erasures: they were done again.")
        programs = Programs(settings, os.environ)
        platform_url, public_url = (f"http://{LOOPBACK}:{port}" for port in (platform_port, public_port))
        running = [
            programs.plane(Process.PLATFORM, platform_port, find_free_port(LOOPBACK)),
            programs.plane(Process.PUBLIC, public_port, find_free_port(LOOPBACK)),
            *map(programs.worker, (Process.RELAY, Process.RELEASE, Process.MAINTENANCE)),
        ]
        shown = None
        if simulate:
            simulation = _open_simulation(source, store, data_folder, seed, stop, quiet=as_json)
            if simulation is None:
                return
            platform, state = simulation
            video = max(platform.catalogue.videos(clock_ms()), key=lambda video: video.popularity)
            shown = video.video_id, video.creator_id
            tokens = create_simulation_keys(settings.store)
            running.insert(0, programs.simulate(platform_url, tokens, state.seed, state.opened_at))
        children = _children(data_folder, running)
        supervisor = Supervisor(children, servers, stop.wait, echo, time.monotonic, watch.poll)
        held.callback(supervisor.end)

        def ready() -> bool:
            urls = {"--platform-port": platform_url, "--public-port": public_url}
            return all(is_ready(option, url) for option, url in urls.items())

        if supervisor.start(ready, _READY_SECONDS):
            pids = _pids(children, servers)
            message = StartupMessage(public_url, platform_url, bootstrap_keys(settings.store), shown, pids)
            if as_json:
                show_json(message.document())
            else:
                write(message.text())
            supervisor.watch()
            echo("Ending.")


def _report_guard(store: PreparedStore, guard: Path, data_folder: Path | None) -> None:
    """Says how a lost guard was rebuilt, and whether it is on the disk of the servers' data."""
    if store.rebuild:
        echo(store.rebuild.describe())
    if data_folder and shares_device(guard, data_folder):
        echo(f"Warning: {describe_shared_device(guard)}.")


def _wait_and_report(stop: StopSignal) -> Callable[[float, str], bool]:
    """Returns a function that rests until asked to stop, and says from time to time what is waited for."""
    report_at = time.monotonic() + _FIRST_REPORT_SECONDS

    def wait(seconds: float, activity: str) -> bool:
        nonlocal report_at
        if time.monotonic() >= report_at:
            report_at = time.monotonic() + _REPORT_EVERY_SECONDS
            echo(f"The store is still {activity}.")
        return stop.wait(seconds)

    return wait


def _open_store(
    held: ExitStack, folder: Path, policy_file: Path | None, stop: StopSignal
) -> tuple[Settings, list[EmbeddedChild]]:
    """Returns the settings of the system, and the servers that were started for it.

    The folder belongs to this process from now on, whether or not servers run in it.

    Raises:
        StartEndedError: asked to end while the servers were loading their data.
    """
    settings = Settings.from_environment(os.environ, folder)
    if policy_file:
        settings = replace(settings, values={**settings.values, POLICY: str(policy_file.absolute())})
    if not settings.names_a_store:
        rooms = held.enter_context(EmbeddedRooms(folder, wait=_wait_and_report(stop)))
        servers = {f"redis-{room}": server for room, server in rooms.servers.items()}
        for name, server in servers.items():
            if server.cut_bytes:
                echo(describe_cut(name, server.cut_bytes))
        children = [EmbeddedChild(name, server, time.monotonic) for name, server in servers.items()]
        return replace(settings, store=rooms.settings), children
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"cannot make the data folder {folder}: {error.strerror}") from error
    held.enter_context(locked(folder, 0))
    return settings, []


def _open_simulation(
    source: PolicySource, store: PreparedStore, folder: Path, seed: int, stop: StopSignal, *, quiet: bool
) -> tuple[SimulatedPlatform, SimulationState] | None:
    """Opens the simulated platform and backfills its history, once; None if asked to stop meanwhile."""
    # Imported here: it takes as long to load as everything else together, and only a simulation needs it.
    from api.simulation.backfill import StoppedError, backfill  # noqa: PLC0415 - as above

    file = StateFile(folder)
    state = file.open(seed, clock_ms(), new_store=store.is_new)
    platform = SimulatedPlatform(source.policy, state.seed, state.opened_at_ms)
    if not state.backfilled:
        until_ms = clock_ms()
        with progress(quiet=quiet) as bars:
            task = bars.add_task("hours of likes", total=platform.count_hours(until_ms))
            try:
                backfill(
                    platform,
                    store,
                    until_ms,
                    lambda hours: bars.update(task, completed=hours),
                    lambda: stop.wait(0),
                )
            except StoppedError:
                return None
        state = msgspec.structs.replace(state, backfilled=True)
        file.write(state)
    return platform, state


def _children(folder: Path, programs: list[Program]) -> list[Child]:
    logs = folder / _LOGS
    logs.mkdir(mode=0o700, exist_ok=True)
    return [Child(program, logs, time.monotonic) for program in programs]


def _pids(children: list[Child], servers: list[EmbeddedChild]) -> dict[str, int]:
    pids = {child.program.name: child.pid for child in children if child.pid}
    return pids | {server.name: server.pid for server in servers}


def is_ready(option: str, url: str) -> bool:
    """Returns whether a plane answers that it is ready, and not a proxy or another program."""
    server = parse_server_url(option, url)
    try:
        answer = exchange(option, server, ("GET", "/readyz", None, {}), _ANSWER_SECONDS)
        return answer.status == HTTPStatus.OK and json.loads(answer.body) == {"status": "ok"}
    except (LikewiseError, ValueError, RecursionError):
        return False
