"""The moment at which a release appears tells nothing, and the attack finds it where it does.

A sound deployment fails a comparison with a probability of 1e-6, and there are twelve in each attack.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from privacy.audit.black_box.appearance import STATISTICS, AppearanceAttack
from privacy.audit.black_box.campaign_scale import QUICK, CampaignScale
from privacy.audit.black_box.claim import Claim
from privacy.audit.black_box.context import CampaignContext
from privacy.audit.check import ignore_progress
from privacy.audit.report_model import Section
from privacy.mechanism.guarantee import guarantee
from tests.support.appearing_deployment import AppearingDeployment, appearing_deployment, sandbox_policy
from tests.support.mutations.release_times import draw_only_what_reached_k
from tests.support.redis_server import Store
from tests.support.working_deployment import WorkingDeployment

SCALE = replace(
    QUICK,
    appearance_lead_seconds=4,
    appearance_pairs=1,
    appearance_waves=40,
    appearance_epochs=20,
)
"""120 pairs, of which no two are released together, and 20 releases of each."""
SMALL = replace(SCALE, appearance_lead_seconds=2, appearance_pairs=8, appearance_waves=1, appearance_epochs=2)
"""Enough for what is certain."""
SIGNIFICANT = replace(SMALL, appearance_waves=2, appearance_epochs=3)
TOO_EARLY = "releases that show before the end of the epoch and the public delay"


@pytest.fixture
def _alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keeps two of these tests from running at once: each would be load for the other."""
    path = tmp_path_factory.getbasetemp().parent / "appearance.lock"
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def attack(
    deployment: AppearingDeployment | WorkingDeployment,
    scale: CampaignScale,
    jump: Callable[[float], object],
    store_url: str | None,
    coins: np.random.Generator,
) -> Section:
    """Attacks a deployment, with the password of its store if there is one."""
    claim = Claim.from_document(guarantee(sandbox_policy()))
    run = os.urandom(4).hex() if store_url else "run"
    context = CampaignContext(deployment, claim, scale, run, coins, 0, ignore_progress)
    stopwatch = deployment.stopwatch
    attacker = AppearanceAttack(context, deployment.clock, jump, stopwatch, store_url)
    (section,) = attacker.evaluate(())
    for finding in section.findings:
        print(finding.what, "|", finding.found)  # noqa: T201 - the figures of docs/compliance/black-box.md
    return section


def attack_processes(store: Store, *, flawed: bool = False, loaded: bool = False) -> Section:
    """Attacks real processes, over HTTP and in the store."""
    with (
        store.without_fsync(),
        appearing_deployment(store, flawed=flawed, loaded=loaded) as deployment,
    ):
        clock, coins = deployment.clock, np.random.default_rng()
        return attack(deployment, SCALE, clock.jump, deployment.store_url, coins)


@pytest.fixture
def deployment(store: Store) -> Iterator[WorkingDeployment]:
    """A deployment whose work takes virtual time."""
    with store.without_fsync():
        yield WorkingDeployment(store)


def failures(deployment: WorkingDeployment, scale: CampaignScale = SMALL) -> list[str]:
    """Attacks it, and returns the findings that do not pass."""
    section = attack(deployment, scale, deployment.wait, None, np.random.default_rng(31))
    return [finding.what for finding in section.findings if not finding.passed]


def test_releases_that_wait_for_their_tick_tell_nothing(deployment: WorkingDeployment) -> None:
    """The code as it is passes."""
    assert failures(deployment) == []


def test_work_that_follows_k_is_hidden_by_the_tick(
    deployment: WorkingDeployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A release that is in time shows the same; the white box counts the draws."""
    draw_only_what_reached_k(monkeypatch)
    assert failures(deployment) == []


def test_releases_at_once_are_too_early(deployment: WorkingDeployment) -> None:
    """Equal work makes them equally early, which is certain to be seen."""
    deployment.at_once = True
    assert failures(deployment) == [TOO_EARLY]


def test_work_that_follows_k_is_found_where_releases_show_at_once(
    deployment: WorkingDeployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By each statistic: with neither, a video with the victim is later than its control."""
    draw_only_what_reached_k(monkeypatch)
    deployment.at_once = True
    found = failures(deployment, SIGNIFICANT)
    assert [f"{name}, over HTTP: with the victim and without" in found for name in STATISTICS] == [True] * 3
    assert found[-1] == TOO_EARLY


@pytest.mark.nightly(part="appearance")
@pytest.mark.timeout(3600)
@pytest.mark.usefixtures("_alone")
@pytest.mark.parametrize("loaded", [False, True], ids=["idle", "under load"])
def test_appearances_tell_nothing(store: Store, *, loaded: bool) -> None:
    """Over HTTP and in the store, by the mean gap, the mean rank and the share of gaps."""
    section = attack_processes(store, loaded=loaded)
    assert section.passed, section.findings


@pytest.mark.nightly(part="appearance")
@pytest.mark.timeout(3600)
@pytest.mark.usefixtures("_alone")
def test_releases_that_appear_at_once_are_found(store: Store) -> None:
    """Where noise is skipped below k and releases are published at once, both ways tell the coins."""
    failed = [finding.what for finding in attack_processes(store, flawed=True).findings if not finding.passed]
    assert TOO_EARLY in failed
    assert any("HTTP" in what for what in failed)
    assert any("store" in what for what in failed)
