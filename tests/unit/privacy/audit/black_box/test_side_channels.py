"""Logs are searched for whatever names an account, a video or a key."""

from pathlib import Path

import numpy as np

from privacy.audit.black_box.campaign_scale import QUICK
from privacy.audit.black_box.claim import Claim
from privacy.audit.black_box.context import CampaignContext
from privacy.audit.black_box.side_channels import SideChannelAttack
from privacy.audit.check import ignore_progress
from privacy.mechanism.guarantee import guarantee
from tests.support.fake_deployment import START_MS, FakeDeployment, sandbox_policy


def passes(logs: Path) -> bool:
    """Return whether the attack finds nothing in a folder."""
    claim = Claim.from_document(guarantee(sandbox_policy()))
    coins = np.random.default_rng(1)
    context = CampaignContext(FakeDeployment(), claim, QUICK, "a1b2c3d4-0", coins, START_MS, ignore_progress)
    (section,) = SideChannelAttack(context, logs, ["lw_public_00_secret"]).evaluate([])
    return section.passed


def test_logs_about_requests_pass(tmp_path: Path) -> None:
    """Operation and status are no names."""
    (tmp_path / "public.log").write_text('{"operation":"get_likes","status":200}\n')
    assert passes(tmp_path)


def test_a_name_or_a_key_in_a_log_is_found(tmp_path: Path) -> None:
    """In any file, however deep, and also among bytes that are no text."""
    for number, content in enumerate((b'{"account":"a1b2c3d4-0-member-0-1"}', b"\xff\x00secret\xff")):
        folder = tmp_path / str(number) / "deep"
        folder.mkdir(parents=True)
        (folder / "x.log").write_bytes(content)
        assert not passes(tmp_path / str(number))


def test_a_folder_without_logs_proves_nothing(tmp_path: Path) -> None:
    """An empty folder is the wrong one."""
    assert not passes(tmp_path)
