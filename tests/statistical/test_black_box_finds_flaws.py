"""The black-box audit passes a sound deployment, and each flaw is found by the right attacks.

A sound deployment fails a comparison with a probability of 1e-6; an audit has about 35 comparisons.
"""

from dataclasses import replace

import numpy as np
import pytest

from privacy.audit.black_box.audience_membership import AudienceAttack
from privacy.audit.black_box.black_box import BlackBox
from privacy.audit.black_box.campaign_scale import QUICK, WHOLE, CampaignScale
from privacy.audit.black_box.claim import Claim
from privacy.audit.black_box.context import CampaignContext
from privacy.audit.check import ignore_progress
from privacy.audit.report_model import Section
from privacy.model.audience import period_at, period_start_ms
from tests.support.fake_deployment import START_MS, FakeDeployment, Flaws

FLAWS = {
    "exact totals": (
        Flaws(noise=0),
        {"differencing", "membership", "noise", "trackers", "probing", "reconstruction", "audiences"},
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
    "accounts counted with each like": (Flaws(audience_twice=True), {"audiences"}),
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
    assert len(report.sections) == 17
    assert report.passed == all(section.passed for section in report.sections)
    return {section.key for section in report.sections if not section.passed}


def attack_audiences(deployment: FakeDeployment, scale: CampaignScale, seed: int) -> Section:
    """Attacks the audiences of a deployment alone."""
    claim = Claim.from_document(deployment.read("/v1/privacy").document)
    assert claim.audience
    coins = np.random.default_rng(seed + 1_000)
    context = CampaignContext(deployment, claim, scale, "b2c3", coins, 0, ignore_progress)
    attack = AudienceAttack(context, claim.audience, deployment.clock, deployment.wait)
    attack.begin()
    (section,) = attack.evaluate(())
    return section


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
    deployment = FakeDeployment(flaws, rng=np.random.default_rng(5))
    section = attack_audiences(deployment, replace(QUICK, audiences=60), 5)
    assert [finding.what.split()[0] for finding in section.findings if not finding.passed] == expected
    (guessed,) = (finding for finding in section.findings if finding.what.startswith("whether"))
    assert guessed.required == "at most 50.4% correct (rho 0.0001); chance gives 50 %"


@pytest.mark.parametrize(
    ("scale", "begins_after_seconds", "waits_seconds"), [(QUICK, 30, 42), (QUICK, 40, 104), (WHOLE, 30, 114)]
)
def test_the_attack_on_audiences_begins_in_the_running_period(
    scale: CampaignScale, begins_after_seconds: int, waits_seconds: int
) -> None:
    """If enough of its 72 seconds are left; else a quick audit waits half a period more at most."""
    now_ms = period_start_ms(period_at(START_MS, 72), 72) + 1_000 * begins_after_seconds
    deployment = FakeDeployment(rng=np.random.default_rng(6), now_ms=now_ms)
    assert attack_audiences(deployment, replace(scale, audiences=2), 6).passed
    passed_seconds = (deployment.now_ms - now_ms) / 1_000
    assert 0 <= passed_seconds - waits_seconds - 3 < 1  # the public delay, and reads


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
