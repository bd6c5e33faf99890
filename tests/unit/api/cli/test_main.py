"""The command line as a whole: help, exit codes, readable errors, lazy imports."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from api.cli import main
from api.cli.lazy_group import LazyCommand, LazyGroup
from api.cli.main import run
from api.http.command import ExitCode, exit_code_of
from privacy.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    PolicyError,
    StoreBusyError,
    StoreError,
)

COMMANDS = (
    "up",
    "init",
    "platform",
    "public",
    "relay",
    "release",
    "maintain",
    "import",
    "moderation",
    "rights",
    "keys",
    "policy",
    "ledger",
    "audit",
    "store",
    "config",
    "doctor",
    "replay",
    "simulate",
)
SUBCOMMANDS = (
    *(("keys", "create"), ("keys", "list"), ("keys", "revoke")),
    *(("policy", "show"), ("policy", "check")),
    *(("store", "check"), ("store", "accept-clock")),
    *(("moderation", "purge"), ("moderation", "takedown"), ("moderation", "engagements")),
    *(("moderation", "resync"), ("moderation", "advisories"), ("moderation", "audit-trail")),
    *(("moderation", "jobs"), ("rights", "erase"), ("rights", "access")),
)


@pytest.mark.parametrize("command", [*((command,) for command in COMMANDS), *SUBCOMMANDS])
def test_every_command_has_help_with_examples_and_exit_codes(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """`--help` of each command shows how it is used, and what its exit codes mean."""
    assert run([*command, "--help"]) == ExitCode.OK
    shown = capsys.readouterr().out
    assert "Examples:" in shown
    assert f"likewise {command[0]}" in shown.partition("Examples:")[2]
    assert "Exit codes:" in shown


def test_the_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    """The group's own help names each command in its order."""
    assert run(["--help"]) == ExitCode.OK
    shown = capsys.readouterr().out.partition("Commands:")[2]
    assert [line.split()[0] for line in shown.splitlines() if line.startswith("  ")][: len(COMMANDS)] == list(
        COMMANDS
    )


def test_help_imports_no_command() -> None:
    """Asking for help loads nothing of what the commands need."""
    program = (
        "import json, sys; from api.cli.main import run; run(['--help']);"
        "ours = ('api.', 'privacy.', 'redis', 'numpy');"
        "print(json.dumps([name for name in sys.modules if name.startswith(ours)]))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60
    )
    loaded = set(json.loads(answer.stdout.splitlines()[-1]))
    assert loaded == {
        *("api.cli", "api.cli.main", "api.cli.lazy_group"),
        *("api.http", "api.http.command", "api.http.terminal", "privacy.errors"),
    }


def test_an_unknown_command_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    """A typing error is answered with the usage and exit code 2."""
    assert run(["frobnicate"]) == ExitCode.WRONG_USAGE
    assert "No such command 'frobnicate'" in capsys.readouterr().err


def test_a_command_whose_packages_are_missing_says_which(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An installation of the public plane alone answers the other commands with what to install."""
    monkeypatch.setitem(main.__dict__["_COMMANDS"], "up", LazyCommand("a_package_that_is_not_there", "…"))
    assert run(["up"]) == ExitCode.WRONG_USAGE
    assert "needs a_package_that_is_not_there" in capsys.readouterr().err


def test_a_group_knows_its_commands_by_name() -> None:
    """A name outside the table is no command."""
    group = LazyGroup(name="g", commands={})
    assert group.get_command(None, "x") is None  # type: ignore[arg-type]  # the context plays no part


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (PolicyError("p"), ExitCode.POLICY_ERROR),
        (StoreError("s"), ExitCode.STORE_ERROR),
        (StoreBusyError("s"), ExitCode.STORE_ERROR),
        (InvalidInputError("f", "is", "rule"), ExitCode.WRONG_USAGE),
        (NotFoundError("n"), ExitCode.WRONG_USAGE),
        (ConflictError("c"), ExitCode.WRONG_USAGE),
    ],
)
def test_each_kind_of_error_has_its_exit_code(error: PolicyError, code: ExitCode) -> None:
    """Scripts can tell a wrong policy from a store that is away."""
    assert exit_code_of(error) == code


def test_an_error_is_one_readable_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What Likewise raises on purpose reaches the terminal without a traceback."""
    assert run(["policy", "check", str(tmp_path / "absent.toml")]) == ExitCode.POLICY_ERROR
    said = capsys.readouterr().err
    assert said.startswith("likewise: ")
    assert said.count("\n") == 1
