"""Whatever fails, nothing acknowledged is lost, nothing is counted twice, and no release is drawn again."""

import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

import pytest

from privacy.store.acl import Room
from privacy.store.settings import GALLERY_URL, VAULT_URL
from privacy.store.users import PLATFORM
from tests.faults import scenarios
from tests.faults.cutting_proxy import Allowance, cutting_proxy, to_address
from tests.faults.deployment import PROCESSES, Deployment, Pool, deployed
from tests.faults.figures import Figures
from tests.faults.history import ALL
from tests.faults.run import Run
from tests.faults.scenarios import Scenario
from tests.faults.seeded_faults import CHECKS_NO_RIGHTS, TRUSTS_ITS_CLOCK, WRITES_BEFORE_IT_CHECKS
from tests.faults.stored_state import count_tombstones
from tests.support.eventually import eventually

TEARING = {
    scenarios.kill_anything,
    scenarios.kill_while_loading,
    scenarios.fill_disk,
    scenarios.fill_gallery_disk,
}
"""May leave half a transaction, which would be executed at the load after the next."""
REQUEST_BYTES, ANSWER_BYTES = 5_000, 400
"""About the size of a batch, and of its answer."""
LEAST_STORE_BYTES, MAX_STORE_BYTES = 3_000, 100_000


@pytest.fixture(scope="module")
def site(pool: Pool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A deployment that serves all runs of this file, one after the other."""
    with deployed(tmp_path_factory.mktemp("site"), pool) as deployment:
        deployment.start(*PROCESSES)
        yield deployment


def nightly(part: str, scenario: Scenario, times: int, rounds: int) -> object:
    """Returns the parameters of a scenario at night: rounds of a number of faults, each with its targets."""
    marks = [pytest.mark.nightly(part=part), pytest.mark.timeout(3600)]
    return pytest.param({scenario: times}, rounds, marks=marks, id=f"{scenario.__name__}-{times}-{rounds}")


@pytest.mark.parametrize(
    ("faults", "rounds"),
    [
        pytest.param({scenarios.kill_anything: 6, scenarios.fill_disk: 1}, 1, id="kills"),
        pytest.param(
            {
                scenarios.pause_stores: 3,
                scenarios.wake_zombies: 2,
                scenarios.take_rights: 2,
                scenarios.fill_memory: 1,
            },
            1,
            id="stores",
        ),
        pytest.param({scenarios.leap_clocks: 8}, 1, id="clocks"),
        nightly("faults-kills", scenarios.kill_anything, 25, 8),
        nightly("faults-kills", scenarios.kill_while_loading, 20, 2),
        nightly("faults-clocks", scenarios.leap_clocks, 24, 1),
        nightly("faults-stores", scenarios.pause_stores, 20, 5),
        nightly("faults-stores", scenarios.wake_zombies, 40, 3),
        nightly("faults-stores", scenarios.take_rights, 20, 5),
        nightly("faults-stores", scenarios.fill_memory, 10, 2),
        nightly("faults-stores", scenarios.fill_disk, 10, 3),
        nightly("faults-stores", scenarios.fill_gallery_disk, 2, 5),
    ],
)
def test_nothing_is_lost_doubled_or_redrawn(
    site: Deployment, faults: dict[Scenario, int], rounds: int, faults_seed: int, figures: Figures
) -> None:
    """Senders work while it happens. What is stored in the end is what was acknowledged, after each load."""
    names = "-".join(scenario.__name__ for scenario in faults)
    for number in range(rounds):
        run = Run(site, f"{names}-{faults_seed}-{number}")
        with run.sending():
            for scenario, times in faults.items():
                scenario(run, times)
        run.check()
        if not TEARING.isdisjoint(faults):
            run.restart_servers()
            run.check()
        figures.add(run)


@pytest.mark.parametrize(
    "seconds",
    [1, pytest.param(120, marks=[pytest.mark.nightly(part="faults-stores"), pytest.mark.timeout(3600)])],
)
def test_connections_may_end_at_any_byte(
    site: Deployment, seconds: int, faults_seed: int, figures: Figures
) -> None:
    """Requests arrive in part and answers are lost, on the way to the plane and on the way to the stores."""
    name = f"cut-connections-{seconds}-{faults_seed}"
    rng = random.Random(name)

    def of_a_request() -> Allowance:
        site.tried["connections of senders"] += 1
        match rng.randrange(4):
            case 0:
                return Allowance(request=rng.randrange(REQUEST_BYTES))
            case 1:
                return Allowance(answer=rng.randrange(ANSWER_BYTES))
        return Allowance()

    def of_a_store() -> Allowance:
        site.tried["connections to a store"] += 1
        return Allowance(*(rng.randrange(LEAST_STORE_BYTES, MAX_STORE_BYTES) for _ in range(2)))

    with ExitStack() as proxies:
        to_plane = to_address(f"http://127.0.0.1:{site.port}")
        run = Run(site, name, port=proxies.enter_context(cutting_proxy(to_plane, of_a_request)))
        site.proxied = {
            variable.name: f"redis://127.0.0.1:{proxies.enter_context(cutting_proxy(to_store, of_a_store))}"
            for variable, to_store in (
                (VAULT_URL, to_address(site.settings.urls[Room.PRIVATE])),
                (GALLERY_URL, to_address(site.settings.urls[Room.GALLERY])),
            )
        }
        restart(site)
        try:
            with run.sending():
                run.rest(seconds)
                run.wait_for_actions(2)
        finally:
            site.proxied = {}
            restart(site)
    run.check()
    figures.add(run)


def test_a_script_that_writes_before_it_checks_is_found_out(site: Deployment, faults_seed: int) -> None:
    """Of two relays that read the same, one checks too late; the scenario sees what is counted twice.

    A pause may find the outboxes empty, so there are several.
    """
    run = Run(site, f"late-{faults_seed}")
    with seeded(site, "relay", WRITES_BEFORE_IT_CHECKS):
        with run.sending():
            for _ in range(5):
                scenarios.pause_writes(run)
        faults = run.find_miscounts()
    assert any("doubled" in fault for fault in faults), faults


def test_a_script_that_does_not_check_its_rights_is_found_out(site: Deployment, faults_seed: int) -> None:
    """Registers are written, the outbox is refused, and what is sent again is a duplicate: never counted."""
    run = Run(site, f"unchecked-{faults_seed}", without=ALL)
    with seeded(site, "platform", CHECKS_NO_RIGHTS):
        with run.sending():
            run.wait_for_actions()
            scenarios.take_right(run, PLATFORM, "xadd")
        faults = run.find_miscounts()
    assert any("lost" in fault for fault in faults), faults


def test_a_clock_that_is_trusted_is_found_out(site: Deployment, faults_seed: int) -> None:
    """Maintenance workers that believe a leap of ten years sweep what must stay; the scenario sees it.

    Nobody sends meanwhile: a store that has lost its list of erasures takes none. This test is the last one.
    """
    run = Run(site, f"trusting-{faults_seed}")
    with run.sending():
        scenarios.wait_for_erasures(run)
    with seeded(site, "maintain", TRUSTS_ITS_CLOCK), scenarios.nothing_dropped(run):
        site.set_clock("maintain 1", 3_650 * scenarios.DAY_MS)
        eventually(partial(has_no_tombstone, site), "a sweep")
        site.set_clock("maintain 1", 0)
    assert any("dropped" in fault for fault in run.faults), run.faults


def has_no_tombstone(site: Deployment) -> bool:
    """Returns whether the store has forgotten all erasures."""
    with site.open_rooms() as (private, _):
        return not count_tombstones(private)


@contextmanager
def seeded(site: Deployment, command: str, fault: str) -> Iterator[None]:
    """Runs every process of a command with a fault for the duration of the block."""
    site.faults = {command: fault}
    restart(site)
    try:
        yield
    finally:
        site.faults = {}
        restart(site)


def restart(site: Deployment) -> None:
    """Starts every process again, with what is set now."""
    site.end(*PROCESSES)
    site.start(*PROCESSES)
