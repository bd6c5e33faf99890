"""The black-box audit ends with a report, also where an attack cannot be finished."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from api.cli.report_text import deliver_report
from api.http.command import ExitCode
from privacy.audit.black_box.appearance import AppearanceAttack
from privacy.audit.black_box.black_box import BlackBox
from privacy.audit.black_box.campaign_scale import ATTEMPTS, QUICK
from privacy.audit.black_box.claim import Claim
from privacy.audit.black_box.context import CampaignContext
from privacy.audit.black_box.deployment import Canary
from privacy.audit.check import ignore_progress
from privacy.errors import StoreBusyError
from privacy.mechanism.guarantee import guarantee
from tests.support.fake_deployment import FakeDeployment, Flaws, sandbox_policy

PLANTING_SECONDS = 100.0
"""Longer than the lead of every attempt, and than all releases that are watched."""


@dataclass
class SlowDeployment(FakeDeployment):
    """A deployment that takes long to plant canaries, the first times."""

    slow_times: int = 1

    def plant(self, canaries: Sequence[Canary]) -> None:
        """Registers canaries, late."""
        self.slow_times -= 1
        if self.slow_times >= 0:
            self.wait(PLANTING_SECONDS)
        super().plant(canaries)


def attack_of(deployment: FakeDeployment) -> AppearanceAttack:
    """The attack on the appearance, as in a quick audit."""
    claim = Claim.from_document(guarantee(sandbox_policy()))
    coins = np.random.default_rng(21)
    context = CampaignContext(deployment, claim, QUICK, "run", coins, 0, ignore_progress)
    return AppearanceAttack(context, deployment.clock, deployment.wait, deployment.stopwatch)


def test_an_attack_that_cannot_be_finished_is_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a section that does not pass, next to those that are finished; the audit has not passed.

    A sound deployment fails a comparison with a probability of 1e-6, and there are about 30.
    """
    deployment = FakeDeployment(Flaws(stalled=True), rng=np.random.default_rng(5))
    waits, coins = deployment.wait, np.random.default_rng(6)
    box = BlackBox(deployment, QUICK, deployment.clock, waits, deployment.stopwatch, coins, "a1b2c3d4")
    page = tmp_path / "report.html"
    code = deliver_report(box.audit(ignore_progress), as_json=True, report_file=page)
    assert code == ExitCode.CHECK_FAILED
    document = json.loads(capsys.readouterr().out)
    assert len(document["sections"]) == 17
    assert not document["passed"]
    (section,) = (section for section in document["sections"] if not section["passed"])
    assert section["key"] == "appearance"
    (finding,) = section["findings"]
    assert finding["found"] == "not finished: a release of the sandbox did not appear for 300 s"
    html = page.read_text()
    assert "1 of 17 sections failed" in html
    assert re.search(r"When a release appears .*FAILED.*not finished: a release", html, re.DOTALL)


def test_pairs_that_are_planted_too_late_are_planted_again() -> None:
    """Their releases are over or far away; those of the next pairs are seen, and the attack ends."""
    (section,) = attack_of(SlowDeployment(rng=np.random.default_rng(7), slow_times=1)).evaluate(())
    assert section.passed, section.findings
    (seen,) = (finding for finding in section.findings if "were seen" in finding.what)
    assert seen.found == "48 of 48, 96 of 96 gaps"


def test_a_deployment_that_is_always_too_slow_is_told_so() -> None:
    """After the last attempt, which had nine times the time."""
    deployment = SlowDeployment(rng=np.random.default_rng(7), slow_times=ATTEMPTS)
    with pytest.raises(StoreBusyError, match="did not take in the likes of 48 videos within 36 s"):
        attack_of(deployment).evaluate(())
