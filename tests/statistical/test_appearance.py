"""The moment at which a release appears tells nothing, and the attack finds it where it does.

A sound deployment fails a comparison with a probability of 1e-6, and there are twelve in each attack.
"""

import fcntl
import os
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from privacy.audit.black_box.appearance import AppearanceAttack
from privacy.audit.black_box.campaign_scale import QUICK
from privacy.audit.black_box.claim import Claim
from privacy.audit.black_box.context import CampaignContext
from privacy.audit.check import ignore_progress
from privacy.audit.report_model import Section
from privacy.mechanism.guarantee import guarantee
from tests.support.appearing_deployment import appearing_deployment, sandbox_policy
from tests.support.redis_server import Store

SCALE = replace(
    QUICK,
    appearance_lead_seconds=4,
    appearance_pairs=1,
    appearance_phases=3,
    appearance_waves=40,
    appearance_epochs=20,
)
"""120 pairs, of which no two are released together, and 20 releases of each."""


@pytest.fixture
def _alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keeps two of these tests from running at once: each would be load for the other."""
    path = tmp_path_factory.getbasetemp().parent / "appearance.lock"
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def attack(store: Store, *, flawed: bool = False, loaded: bool = False) -> Section:
    """Attacks a deployment over HTTP and in the store."""
    run = os.urandom(4).hex()
    with (
        store.without_fsync(),
        appearing_deployment(store, flawed=flawed, loaded=loaded) as deployment,
    ):
        context = CampaignContext(
            deployment,
            Claim.from_document(guarantee(sandbox_policy())),
            SCALE,
            run,
            np.random.default_rng(),
            0,
            ignore_progress,
        )
        clock = deployment.clock
        attacker = AppearanceAttack(context, clock, clock.jump, clock.stopwatch, deployment.store_url)
        (section,) = attacker.evaluate(())
    for finding in section.findings:
        print(finding.what, "|", finding.found)  # noqa: T201 - the figures of docs/compliance/black-box.md
    return section


@pytest.mark.nightly(part="appearance")
@pytest.mark.timeout(3600)
@pytest.mark.usefixtures("_alone")
@pytest.mark.parametrize("loaded", [False, True], ids=["idle", "under load"])
def test_appearances_tell_nothing(store: Store, *, loaded: bool) -> None:
    """Over HTTP and in the store, by the mean and the median gap and by the share of gaps."""
    section = attack(store, loaded=loaded)
    assert section.passed, section.findings


@pytest.mark.nightly(part="appearance")
@pytest.mark.timeout(3600)
@pytest.mark.usefixtures("_alone")
def test_releases_that_appear_at_once_are_found(store: Store) -> None:
    """Where noise is skipped below k and releases are published at once, both ways tell the coins."""
    failed = [finding.what for finding in attack(store, flawed=True).findings if not finding.passed]
    assert any("HTTP" in what for what in failed)
    assert any("store" in what for what in failed)
