"""`likewise policy` on right and wrong files."""

import json
import re
from contextlib import closing
from pathlib import Path

import pytest

from api.cli.main import run
from api.http.command import ExitCode
from privacy.embedded.rooms import EmbeddedRooms
from privacy.mechanism.guarantee import guarantee
from privacy.moderation.audit_trail import AuditTrail
from privacy.policy.file import DEFAULT_POLICY_PATH, load_policy
from privacy.policy.registry import read_registered_policies
from privacy.store.connect import connect
from privacy.store.users import PLATFORM
from tests.support.cli_policy import SMALL_POLICY
from tests.support.command_line import ROOT, answer_of, clean_environment, likewise, likewise_process
from tests.support.prepared_store import prepare_store


def test_show_in_json_is_the_guarantee() -> None:
    """What a machine reads is the document that the public plane serves."""
    shown = answer_of(likewise("policy", "show", "--json"))
    assert shown == json.loads(json.dumps(guarantee(load_policy())))


def test_show_is_readable() -> None:
    """What a person reads names version, k, epsilon and every epoch."""
    shown = likewise("policy", "show")
    assert shown.returncode == ExitCode.OK
    assert load_policy().version in shown.stdout
    assert "epsilon at delta 1e-06" in shown.stdout
    assert "365 days" in shown.stdout


EXAMPLES = ROOT / "examples" / "ml100k"


@pytest.mark.parametrize(
    "file",
    [DEFAULT_POLICY_PATH, EXAMPLES / "policy.toml", EXAMPLES / "removals.toml"],
    ids=lambda file: file.name,
)
def test_the_policies_of_the_repository_keep_all_rules(file: Path) -> None:
    """The packaged policy and those of the example pass the check."""
    assert answer_of(likewise("policy", "check", file, "--json"))["ok"] is True


@pytest.mark.parametrize(
    ("before", "after", "field", "value", "rule"),
    [
        ("k = 3", "k = 1", "anonymity.k", "1", "a whole number from 2"),
        ("k = 3", 'k = "3"', "anonymity.k", "'3'", "a whole number"),
        ("k = 3", "k = 3\nl = 4", "anonymity.l", "is no field", "of a policy"),
        ("flip_cap = 4", "flip_cap = 3", "contribution.flip_cap", "3", "even"),
        ("gate_delta = 1e-6", "gate_delta = nan", "mechanism.gate_delta", "NaN", "a finite number"),
        ("gate_delta = 1e-6", "gate_delta = 0.5", "mechanism.gate_delta", "0.5", "at most 1e-6"),
        ("total = 0.5", "total = 0.6", "budgets.like.rho", "2.1", "must be equal"),
        ("total = 0.5", "total = 0.0", "budgets.like.total", "0.0", "a rho above 0"),
        (
            "until_seconds = 200000",
            "until_seconds = 10800",
            "schedule.until_seconds",
            "10800",
            "after the one before",
        ),
        ('["female", "male"]', '["female", "female"]', "dimensions.gender", "female", "distinct"),
        ("2020-01-01T00:00:00Z", "2020-01-01", "intake.earliest_occurred_at", "2020-01-01", "RFC 3339"),
        ('"power-0.6"', '"magic"', "factorisation", "magic", ""),
        ('version = "small"', 'version = "Small!"', "version", "Small!", "a-z, 0-9"),
    ],
)
def test_a_wrong_value_is_named_with_field_and_rule(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    before: str,
    after: str,
    field: str,
    value: str,
    rule: str,
) -> None:
    """The check fails with exit code 3 and one line that says which field, which value and which rule."""
    assert before in SMALL_POLICY
    file = tmp_path / "policy.toml"
    file.write_text(SMALL_POLICY.replace(before, after))
    for verb in ("check", "show"):
        assert run(["policy", verb, str(file)]) == ExitCode.POLICY_ERROR
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.count("\n") == 1
        for word in (field, value, rule):
            assert word in said.err
    assert run(["policy", "check", str(file), "--json"]) == ExitCode.POLICY_ERROR
    assert json.loads(capsys.readouterr().out)["ok"] is False


def test_a_cap_that_never_applies_is_remarked_on(tmp_path: Path) -> None:
    """It is allowed, so the check succeeds."""
    file = tmp_path / "policy.toml"
    remark = "contribution.daily_cap: is 9, which no day reaches: contribution.monthly_cap is 5."
    for caps, remarks in (
        ("daily_cap = 9\nmonthly_cap = 5", [remark]),
        ("daily_cap = 5\nmonthly_cap = 5", []),
    ):
        file.write_text(re.sub("daily_cap = .*", caps, SMALL_POLICY))
        assert answer_of(likewise("policy", "check", file, "--json"))["remarks"] == remarks
        shown = likewise("policy", "check", file)
        assert (shown.returncode, shown.stderr.splitlines()) == (ExitCode.OK, remarks)


def test_a_wrong_policy_ends_the_process_with_code_three(tmp_path: Path) -> None:
    """So does the process itself, and `likewise up` before it touches anything."""
    file = tmp_path / "policy.toml"
    file.write_text(SMALL_POLICY.replace("k = 3", "k = 1"))
    folder = tmp_path / "data"
    for arguments in (("policy", "check", file), ("up", "--policy", file, "--data-folder", folder)):
        refused = likewise_process(*arguments)
        assert refused.returncode == ExitCode.POLICY_ERROR
        assert refused.stderr.startswith("likewise: anonymity.k: is 1;")
    assert not folder.exists()


def test_the_environment_names_the_policy(tmp_path: Path) -> None:
    """Without FILE the one in LIKEWISE_POLICY is checked."""
    file = tmp_path / "policy.toml"
    file.write_text(SMALL_POLICY)
    environment = clean_environment(LIKEWISE_POLICY=str(file))
    assert answer_of(likewise("policy", "check", "--json", environment=environment))["version"] == "small"


def test_a_version_is_retired_whether_or_not_the_system_runs(tmp_path: Path) -> None:
    """The command starts the servers of a folder where nothing runs; the audit trail says what came of it."""
    policy = tmp_path / "policy.toml"
    with EmbeddedRooms(tmp_path / "data") as rooms:
        for version in ("first", "second"):
            policy.write_text(SMALL_POLICY.replace('"small"', f'"{version}"'))
            prepare_store(rooms.settings, tmp_path / "data", policy)
        refused = likewise(
            "policy", "retire", "second", "--note", "a try", "--data-folder", tmp_path / "data"
        )
    assert refused.returncode == ExitCode.WRONG_USAGE
    assert "is in force: put another one in force first" in refused.stderr
    retired = likewise(
        "policy", "retire", "first", "--note", "unused", "--json", "--data-folder", tmp_path / "data"
    )
    rules = "30 10 600 3600 63072000 2592000 2592000 2592000 95040000 2592000 under-13"
    assert answer_of(retired) == {"version": "first", "limits": f"4 5 286400 {rules}"}
    with EmbeddedRooms(tmp_path / "data") as rooms, closing(connect(rooms.settings, PLATFORM)) as client:
        found = [(entry.stage.value, entry.note) for _, entry in AuditTrail(client).read_page(None, 10)]
        assert set(read_registered_policies(client)) == {"second"}
    assert found == [
        ("done", "unused"),
        ("requested", "unused"),
        ("refused", "a try"),
        ("requested", "a try"),
    ]
