"""`likewise config`: every setting as it is in force, and no secret."""

from pathlib import Path

from api.cli.commands.config import users_table, variables_table
from api.http.command import ExitCode
from privacy.store.settings import VARIABLES
from tests.support.command_line import ROOT, answer_of, clean_environment, likewise


def test_it_prints_what_is_in_force_and_no_secret(tmp_path: Path) -> None:
    """Paths follow from the data folder, what is set wins, and passwords and keys are only said to be set."""
    environment = clean_environment(
        LIKEWISE_REDIS_URL="redis://10.0.0.5:6379",
        LIKEWISE_LEDGER_KEY_FILE="/elsewhere/ledger.key",
        LIKEWISE_ADMIN_PASSWORD="sesame",  # noqa: S106 - a test's
        LIKEWISE_PLATFORM_KEY="sesame",
    )
    options = ("config", "--data-folder", tmp_path / "data")
    found = {
        entry["name"]: entry for entry in answer_of(likewise(*options, "--json", environment=environment))
    }
    assert list(found) == [variable.name for variable in VARIABLES]
    assert found["LIKEWISE_REDIS_URL"]["value"] == "redis://10.0.0.5:6379"
    assert found["LIKEWISE_LEDGER_KEY_FILE"]["value"] == "/elsewhere/ledger.key"
    assert found["LIKEWISE_ROLLBACK_GUARD_DIR"]["value"] == f"{tmp_path}/data.rollback-guard"
    assert (found["LIKEWISE_ADMIN_PASSWORD"]["is_set"], found["LIKEWISE_ADMIN_PASSWORD"]["value"]) == (
        True,
        None,
    )
    assert not found["LIKEWISE_RELAY_PASSWORD"]["is_set"]
    for arguments in (options, (*options, "--json"), ("config", "--markdown")):
        shown = likewise(*arguments, environment=environment)
        assert shown.returncode == ExitCode.OK
        assert "sesame" not in shown.stdout


def test_the_tables_of_the_documentation_are_generated() -> None:
    """docs/operating.md has the tables that `likewise config --markdown` prints, to the letter."""
    page = (ROOT / "docs" / "operating.md").read_text()
    for table in (variables_table(), users_table()):
        assert f"\n\n{table}\n\n" in page, "write the tables of `likewise config --markdown` into the page"
