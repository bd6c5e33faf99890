"""`likewise audit` as a shell sees it."""

from html import escape
from pathlib import Path

import pytest

from api.http.command import ExitCode
from tests.support.cli_policy import SMALL_POLICY
from tests.support.command_line import answer_of, likewise


@pytest.fixture
def policy_file(tmp_path: Path) -> Path:
    """A policy with few cells and epochs, which is audited in seconds."""
    file = tmp_path / "policy.toml"
    file.write_text(SMALL_POLICY)
    return file


def test_a_sound_program_passes(policy_file: Path, tmp_path: Path) -> None:
    """The verdict is in the exit code and in the JSON; the report is a page of its own."""
    report = tmp_path / "audit.html"
    document = answer_of(
        likewise("audit", "white-box", "--quick", "--json", "--policy", policy_file, "--report", report)
    )
    assert document["passed"] is True
    assert document["facts"]["policy"] == "small"
    keys = {section["key"] for section in document["sections"]}
    assert {"registers", "write-once", "reads", "parameters-like", "streams-like", "releases-like"} <= keys
    page = report.read_text(encoding="utf-8")
    assert all(escape(section["title"]) in page for section in document["sections"])


def test_a_wrong_policy_is_not_audited(tmp_path: Path) -> None:
    """A file that breaks a rule ends with the exit code for it."""
    file = tmp_path / "policy.toml"
    file.write_text(SMALL_POLICY.replace("k = 3", "k = 1"))
    completed = likewise("audit", "white-box", "--quick", "--policy", file)
    assert completed.returncode == ExitCode.POLICY_ERROR
    assert "anonymity.k" in completed.stderr


def test_the_verbs_are_listed() -> None:
    """The help names them, and imports none."""
    completed = likewise("audit", "--help")
    assert completed.returncode == ExitCode.OK
    assert "white-box" in completed.stdout
