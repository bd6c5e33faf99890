"""`likewise init` without a store: what it refuses, and what it leaves untouched."""

from pathlib import Path

import pytest

from api.http.command import ExitCode
from privacy.store.settings import ROLLBACK_GUARD_DIR
from tests.support.command_line import answer_of, clean_environment, likewise


def _environment(folder: Path, **extra: str) -> dict[str, str]:
    return clean_environment(
        LIKEWISE_PSEUDONYM_KEY_FILE=str(folder / "pseudonym.key"),
        LIKEWISE_LEDGER_KEY_FILE=str(folder / "ledger.key"),
        **{ROLLBACK_GUARD_DIR.name: str(folder / "rollback-guard")},
        **extra,
    )


def _with_store(folder: Path) -> dict[str, str]:
    passwords = {f"LIKEWISE_{name}_PASSWORD": "sesame" for name in ("ADMIN", "PUBLISHER")}
    return _environment(folder, LIKEWISE_REDIS_URL="redis://127.0.0.1:1", **passwords)


@pytest.mark.parametrize(
    "arguments", [("--secrets", ""), ("--secrets", "secrets", "--policy", "policy.toml")]
)
def test_options_that_mean_nothing_together_are_refused(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """An empty folder name and a policy for the secrets are wrong usage; nothing is written."""
    answer = likewise("init", *arguments, folder=tmp_path)
    assert answer.returncode == ExitCode.WRONG_USAGE
    assert "--secrets" in answer.stderr
    assert not list(tmp_path.iterdir())


def test_a_policy_of_the_environment_does_not_concern_the_secrets(tmp_path: Path) -> None:
    """LIKEWISE_POLICY may be set for other commands of the same shell."""
    environment = clean_environment(LIKEWISE_POLICY="/nowhere/policy.toml")
    answer = likewise("init", "--secrets", tmp_path / "secrets", environment=environment)
    assert answer.returncode == ExitCode.OK, answer.stderr


def test_the_secrets_are_counted_and_servers_restarted_only_if_there_were_any(tmp_path: Path) -> None:
    """A first run speaks of a start; each says how many files there are, with the passwords themselves."""
    for start in ("Start the servers with the ACL files.", "Restart the servers, so that they read them."):
        answer = likewise("init", "--secrets", tmp_path / "secrets")
        files = list((tmp_path / "secrets").iterdir())
        assert answer.stderr == f"{len(files)} files are in {tmp_path / 'secrets'}. {start}\n"
    listed = answer_of(likewise("init", "--secrets", tmp_path / "secrets", "--json"))["files"]
    assert sorted(listed) == sorted(map(str, files))


@pytest.mark.parametrize("missing", ["LIKEWISE_REDIS_URL", "LIKEWISE_PUBLISHER_PASSWORD"])
def test_settings_are_checked_before_a_key_is_created(tmp_path: Path, missing: str) -> None:
    """Without an address or a password there is no key file either."""
    environment = {name: value for name, value in _with_store(tmp_path).items() if name != missing}
    answer = likewise("init", environment=environment)
    assert (answer.returncode, missing in answer.stderr) == (ExitCode.STORE_ERROR, True), answer.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("content", "mode"), [("", 0o600), ("{}", 0o600), ("{}", 0o644)])
def test_a_ledger_key_file_that_is_not_usable_is_refused(tmp_path: Path, content: str, mode: int) -> None:
    """A file that exists is not a key yet: it is read, and kept as it is."""
    path = tmp_path / "ledger.key"
    path.write_text(content)
    path.chmod(mode)
    answer = likewise("init", environment=_with_store(tmp_path))
    assert (answer.returncode, "ledger key file" in answer.stderr) == (ExitCode.STORE_ERROR, True)
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_text() == content


def test_an_unusable_data_folder_is_one_sentence() -> None:
    """The root folder has no place next to it."""
    answer = likewise("config", "--data-folder", "/")
    assert answer.returncode == ExitCode.STORE_ERROR
    assert len(answer.stderr.splitlines()) == 1
