"""Keys, a guard or a store of another deployment: every process refuses them, and says the way on.

What sets a store up (`likewise up`, `likewise init`) is in `tests/unit/api/runtime/test_store_setup.py`.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from api.http.command import ExitCode
from api.platform.dependencies import make_dependencies
from privacy.errors import StoreError
from privacy.signing import signing_key_file
from privacy.store.settings import POLICY, Settings
from privacy.store.users import Process
from privacy.vault import pseudonym_key_file
from tests.support.cli_policy import SMALL_POLICY
from tests.support.command_line import likewise
from tests.support.prepared_store import prepare_store, process_environment
from tests.support.redis_server import Store

ACCESS = ("rights", "access", "a-1", "--output", "access.json", "--note", "a test")
ROTATION = ("keys", "rotate-pseudonym-key")
PSEUDONYMS = [
    (Process.MAINTENANCE, ("maintain",)),
    (Process.PLATFORM, None),
    (Process.OPERATOR, ROTATION),
    (Process.OPERATOR, ACCESS),
]
LEDGER = [(Process.RELEASE, ("release",))]
RELAY = [(Process.RELAY, ("relay",))]
GUARDED = [(Process.MAINTENANCE, ("maintain",)), (Process.PLATFORM, None), (Process.RELEASE, ("release",))]


@dataclass(frozen=True)
class Deployment:
    """A store that is set up, the folder with what belongs to it, and its policy."""

    store: Store
    folder: Path
    policy: Path

    def refusal(self, process: Process, command: tuple[str, ...] | None) -> str:
        """Return what a process says that does not start; a plane is asked for what its app needs."""
        environment = process_environment(self.store.settings, self.folder, process)
        environment[POLICY.name] = str(self.policy)
        if command is None:
            with pytest.raises(StoreError) as refused:
                make_dependencies(Settings.from_environment(environment))
            return str(refused.value)
        answer = likewise(*command, environment=environment, folder=self.folder)
        assert answer.returncode == ExitCode.STORE_ERROR, answer.stderr
        assert answer.stderr.count("\n") == 1
        return answer.stderr


@pytest.fixture
def deployment(store: Store, tmp_path: Path) -> Deployment:
    """A deployment whose parts belong together, with a policy that is computed quickly."""
    policy, folder = tmp_path / "policy.toml", tmp_path / "data"
    policy.write_text(SMALL_POLICY)
    folder.mkdir()
    prepare_store(store.settings, folder, policy)
    return Deployment(store, folder, policy)


@pytest.mark.parametrize(
    ("process", "command", "name"),
    [
        *((process, command, "pseudonym.key") for process, command in PSEUDONYMS),
        *((process, command, "ledger.key") for process, command in LEDGER),
    ],
)
def test_a_key_of_another_deployment_and_a_lost_one_are_refused(
    deployment: Deployment, process: Process, command: tuple[str, ...] | None, name: str
) -> None:
    """The file is named, and what to do; nothing is written in place of it."""
    path = deployment.folder / name
    path.unlink()
    said = deployment.refusal(process, command)
    assert f"{path} is not there: put it back" in said
    assert not path.exists()
    if name == "ledger.key":
        signing_key_file.create_ledger_key(path, os.urandom)
    else:
        pseudonym_key_file.create_key_file(path, os.urandom)
    made = path.read_bytes()
    said = deployment.refusal(process, command)
    assert f"{path} holds the key of another store: put the key file of this store back" in said
    assert path.read_bytes() == made


@pytest.mark.parametrize(("process", "command"), [*PSEUDONYMS, *LEDGER, *RELAY])
def test_an_empty_disk_under_keys_is_refused(
    deployment: Deployment, process: Process, command: tuple[str, ...] | None
) -> None:
    """Nothing but the setup founds a store, and the keys stay as they are."""
    kept = {path: path.read_bytes() for path in deployment.folder.glob("*.key")}
    deployment.store.flush()
    said = deployment.refusal(process, command)
    assert "the store is empty: if it held data before, find out why that is missing" in said
    assert not deployment.store.root.dbsize()
    assert {path: path.read_bytes() for path in deployment.folder.glob("*.key")} == kept


@pytest.mark.parametrize(("process", "command"), GUARDED)
def test_the_guard_of_another_store_is_refused(
    deployment: Deployment, process: Process, command: tuple[str, ...] | None
) -> None:
    """Its files bear the id of that store: this one's are missing, and the answer to that is named."""
    guard = Settings.from_environment({}, deployment.folder).rollback_guard_dir
    for path in guard.iterdir():
        path.rename(path.with_name("1" * 32 + "." + path.name.partition(".")[2]))
    assert "--restored" in deployment.refusal(process, command)
