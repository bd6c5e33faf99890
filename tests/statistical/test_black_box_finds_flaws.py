"""The black-box audit passes a sound deployment, and each flaw is found by the right attacks.

A sound deployment fails a comparison with a probability of 1e-6; an audit has about 35 comparisons.
"""

from dataclasses import replace

import numpy as np
import pytest

from privacy.audit.black_box.audience_membership import AudienceAttack
from privacy.audit.black_box.black_box import BlackBox
from privacy.audit.black_box.campaign_scale import QUICK
from privacy.audit.black_box.claim import Claim
from privacy.audit.black_box.context import CampaignContext
from privacy.audit.check import ignore_progress
from tests.support.fake_deployment import FakeDeployment, Flaws

FLAWS = {
    "exact totals": (
        Flaws(noise=0),
        {"differencing", "membership", "noise", "trackers", "probing", "reconstruction"},
    ),
    "half the noise": (Flaws(noise=0.5), {"noise"}),
    "twice the noise": (Flaws(noise=2), {"noise"}),
    "one draw for all targets": (Flaws(noise_of_all=True), {"noise"}),
    "one draw for all epochs": (Flaws(noise_again=True), {"noise", "trackers", "probing"}),
    "noise at each read": (
        Flaws(noise_per_read=True),
        {"averaging", "collusion", "aliases", "release-monitor", "noise"},
    ),
    "noise of each key": (Flaws(noise_per_key=True), {"averaging", "collusion"}),
    "noise of each way": (Flaws(noise_per_way=True), {"aliases"}),
    "gate on the exact count alone": (Flaws(gate="exact"), {"trackers", "probing"}),
    "gate off by one": (Flaws(gate="off_by_one"), {"suppression", "trackers", "probing"}),
    "gate on the estimate alone": (Flaws(gate="estimate"), {"suppression", "trackers", "probing"}),
    "live totals": (Flaws(live=True), {"release-monitor"}),
    "releases when something happened": (Flaws(early=True), {"release-monitor"}),
    "releases at the end of their epochs": (Flaws(at_once=True), {"release-monitor", "appearance"}),
    "releases of k accounts appear later": (Flaws(late_from_k_ms=2), {"appearance"}),
    "undeclared filters": (Flaws(filters=True), {"filters"}),
    "other words for no like": (Flaws(silent_bytes=True), {"suppression"}),
    "less time for no like": (Flaws(quick_silence_seconds=1e-4), {"timing"}),
    "likes in metrics": (Flaws(counting_metrics=True), {"side-channels"}),
}


def failed_sections(flaws: Flaws, seed: int) -> set[str]:
    """Audits a deployment with these flaws, and returns the sections that do not pass."""
    deployment = FakeDeployment(flaws, rng=np.random.default_rng(seed))
    coins = np.random.default_rng(seed + 1_000)
    box = BlackBox(
        deployment, QUICK, deployment.clock, deployment.wait, deployment.stopwatch, coins, "a1b2c3d4"
    )
    report = box.audit(ignore_progress)
    assert len(report.sections) == 16
    assert report.passed == all(section.passed for section in report.sections)
    return {section.key for section in report.sections if not section.passed}


def failed_findings_of_audiences(flaws: Flaws, seed: int) -> list[str]:
    """Attacks the audiences of a deployment with these flaws alone; returns the findings that do not pass."""
    deployment = FakeDeployment(flaws, rng=np.random.default_rng(seed))
    claim = Claim.from_document(deployment.read("/v1/privacy").document)
    assert claim.audience
    coins = np.random.default_rng(seed + 1_000)
    scale = replace(QUICK, audiences=60)
    context = CampaignContext(deployment, claim, scale, "b2c3", coins, 0, ignore_progress)
    attack = AudienceAttack(context, claim.audience, deployment.clock, deployment.wait)
    (section,) = attack.evaluate(())
    return [finding.what.split()[0] for finding in section.findings if not finding.passed]


@pytest.mark.parametrize(
    ("flaws", "expected"),
    [
        (Flaws(), []),
        (Flaws(noise=0), ["deviation", "whether"]),
        (Flaws(noise=0.5), ["deviation"]),
        (Flaws(noise=2), ["deviation"]),
        (Flaws(audience_twice=True), ["deviation"]),
    ],
)
def test_audiences_are_attacked(flaws: Flaws, expected: list[str]) -> None:
    """A sound deployment passes, and what is wrong with audiences is found."""
    assert failed_findings_of_audiences(flaws, 5) == expected


def test_a_sound_deployment_passes() -> None:
    """Every attack is tried and none succeeds."""
    assert failed_sections(Flaws(), 1) == set()


@pytest.mark.nightly(part="black-box")
@pytest.mark.parametrize("seed", range(2, 22))
def test_a_sound_deployment_passes_every_time(seed: int) -> None:
    """Twenty of twenty runs pass."""
    assert failed_sections(Flaws(), seed) == set()


@pytest.mark.parametrize(
    "name",
    [
        "exact totals",
        "half the noise",
        "noise at each read",
        "releases of k accounts appear later",
        "gate on the exact count alone",
    ],
)
def test_a_gross_mistake_is_found(name: str) -> None:
    """By every attack that it opens, and by no other."""
    flaws, expected = FLAWS[name]
    assert failed_sections(flaws, 3) == expected


@pytest.mark.nightly(part="black-box")
@pytest.mark.parametrize("name", FLAWS)
def test_every_mistake_is_found(name: str) -> None:
    """By every attack that it opens, and by no other."""
    flaws, expected = FLAWS[name]
    assert failed_sections(flaws, 4) == expected
