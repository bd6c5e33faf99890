"""`likewise audit black-box` attacks a running system with what a reviewer has, and says what came of it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command_line import System, answer_of, likewise, up
from tests.support.ports import free_port

ATTACKS = {
    "averaging",
    "collusion",
    "aliases",
    "filters",
    "suppression",
    "timing",
    "release-monitor",
    "differencing",
    "membership",
    "noise",
    "canaries",
    "trackers",
    "probing",
    "reconstruction",
    "appearance",
    "audiences",
    "side-channels",
}


def key(folder: Path, plane: str, scope: str, owner: str) -> str:
    """A new key without a limit worth mentioning."""
    terms = ("--plane", plane, "--scopes", scope, "--owner", owner, "--rate-limit", "10000000")
    token: str = answer_of(likewise("keys", "create", *terms, "--data-folder", folder, "--json"))["token"]
    return token


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system of this file's own: it goes on releasing thousands of canaries, every few seconds."""
    with up(tmp_path_factory.mktemp("audited") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def options(system: System) -> tuple[str, ...]:
    """Return what a reviewer knows of a running system."""
    public, platform = system.welcome["public_url"], system.welcome["platform_url"]
    readers = [key(system.folder, "public", "read", f"reader-{number}") for number in range(2)]
    keys = [option for token in readers for option in ("--read-key", token)]
    canary = key(system.folder, "platform", "canary", "reviewer")
    return ("--public-url", public, "--platform-url", platform, *keys, "--canary-key", canary)


@pytest.mark.timeout(600)
def test_a_running_system_withstands_every_attack(
    system: System, options: tuple[str, ...], tmp_path: Path
) -> None:
    """Each is tried with real canaries over HTTP; logs are searched, and keys stand in no report."""
    page = tmp_path / "report.html"
    how = ("--logs", system.folder / "logs", "--report", page, "--quick", "--json")
    report = likewise("audit", "black-box", *options, *how)
    assert report.returncode == 0, report.stdout + report.stderr
    document = json.loads(report.stdout)
    assert {section["key"] for section in document["sections"]} == ATTACKS
    assert document["passed"]
    written = report.stdout + report.stderr + page.read_text()
    assert all(section["title"] in written for section in document["sections"])
    assert not any(token in written for token in options[5::2])


def test_wrong_keys_and_addresses_are_said_plainly(system: System, options: tuple[str, ...]) -> None:
    """Whoever has no key, or asks the wrong address, reads one line and no traceback."""
    wrong = [option.replace("lw_platform_", "lw_platform_0") for option in options]
    refused = likewise("audit", "black-box", *wrong, "--quick", "--json")
    assert (refused.returncode, "is answered with 401" in refused.stderr) == (2, True)
    swapped = [option.replace(system.welcome["public_url"], "ftp://example.org") for option in options]
    assert likewise("audit", "black-box", *swapped, "--quick").returncode == 2
    nowhere = f"http://127.0.0.1:{free_port()}"
    unanswered = [option.replace(system.welcome["public_url"], nowhere) for option in options]
    gone = likewise("audit", "black-box", *unanswered, "--quick", "--json")
    assert (gone.returncode, "does not answer" in gone.stderr) == (4, True)
    assert "Traceback" not in refused.stderr + gone.stderr
