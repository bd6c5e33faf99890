"""Starting the platform plane from the environment."""

import os
from pathlib import Path

import pytest

from api.platform.app import build_platform_app
from api.platform.dependencies import PlatformDependencies, make_dependencies
from privacy.errors import PolicyError, StoreBusyError, StoreError
from privacy.policy.file import DEFAULT_POLICY_PATH
from privacy.policy.registry import register_policy
from privacy.rollback.erasure_log import ErasureLog
from privacy.store.header import KeyFingerprints, StoreHeader
from privacy.store.keys import GALLERY_HEADER
from privacy.store.settings import POLICY, PSEUDONYM_KEY_FILE, ROLLBACK_GUARD_DIR, Settings
from privacy.store.users import PLATFORM, PUBLISHER
from privacy.vault.limits import put_limits_in_force
from privacy.vault.pseudonym_key_file import FILES, create_key_file, load_pseudonymiser
from tests.support.platform_plane import NOW_MS
from tests.support.redis_server import Store


@pytest.fixture
def environment(store: Store, tmp_path: Path) -> dict[str, str]:
    """Return the environment of the platform plane, on a store that was just created."""
    create_key_file(tmp_path / "key", os.urandom)
    fingerprints = KeyFingerprints(load_pseudonymiser(tmp_path / "key").fingerprint, "a ledger key")
    header = StoreHeader.create_or_verify(store.admin, os.urandom, keys=fingerprints)
    FILES.name_store(tmp_path / "key", header.store_id)
    ErasureLog(tmp_path / "rollback-guard", header.store_id).create()
    header.of_gallery.put(store.admin)
    registry = register_policy(store.admin, DEFAULT_POLICY_PATH.read_bytes())
    put_limits_in_force(store.admin, header.account_shards, registry.limits)
    return {
        **store.settings.environment((PLATFORM, PUBLISHER)),
        PSEUDONYM_KEY_FILE.name: str(tmp_path / "key"),
        ROLLBACK_GUARD_DIR.name: str(tmp_path / "rollback-guard"),
    }


def dependencies(environment: dict[str, str]) -> PlatformDependencies:
    """Return the dependencies that an environment gives."""
    return make_dependencies(Settings.from_environment(environment))


def test_an_app_starts_from_its_environment(environment: dict[str, str]) -> None:
    """With store, policy and key in place the app is ready."""
    app = build_platform_app(dependencies(environment), lambda: NOW_MS)
    assert app.test_client().get("/readyz").status_code == 200


def test_without_the_pseudonym_key_nothing_starts(environment: dict[str, str]) -> None:
    """No variable, no file, or a file that others may read: each says what to do."""
    with pytest.raises(StoreError, match=PSEUDONYM_KEY_FILE.name):
        dependencies({name: text for name, text in environment.items() if name != PSEUDONYM_KEY_FILE.name})
    with pytest.raises(StoreError, match="pseudonym key file"):
        dependencies(environment | {PSEUDONYM_KEY_FILE.name: "/nowhere"})


def test_with_the_key_of_another_store_nothing_starts(environment: dict[str, str], tmp_path: Path) -> None:
    """Under it every account would be counted a second time, and erased ones come back."""
    create_key_file(tmp_path / "other", os.urandom)
    with pytest.raises(StoreError, match="the key of another store"):
        dependencies(environment | {PSEUDONYM_KEY_FILE.name: str(tmp_path / "other")})


def test_on_the_gallery_of_another_store_nothing_starts(environment: dict[str, str], store: Store) -> None:
    """Videos that are counted here would be shown there."""
    store.root.hset(GALLERY_HEADER, "store_id", "0" * 32)
    with pytest.raises(StoreError, match="this gallery is another store's"):
        dependencies(environment)


def test_behind_its_erasure_log_or_without_it_nothing_starts(
    environment: dict[str, str], tmp_path: Path
) -> None:
    """A store that lacks an erasure is refused until it is repeated; one without its erasure log, always."""
    (path,) = (tmp_path / "rollback-guard").iterdir()
    erasures = ErasureLog(path.parent, path.stem)
    with erasures.locked():
        erasures.append(NOW_MS, NOW_MS + 1, 0, bytes(8))
    with pytest.raises(StoreBusyError, match="lacks 1 erasures"):
        dependencies(environment)
    path.unlink()
    with pytest.raises(StoreError, match="erasure log"):
        dependencies(environment)


def test_a_policy_that_is_not_registered_does_not_start(environment: dict[str, str], tmp_path: Path) -> None:
    """Neither a new version nor changed content under an old one."""
    text = DEFAULT_POLICY_PATH.read_text()
    for changed in (text.replace("2026-12-default", "another"), f"{text}\n"):
        (tmp_path / "policy.toml").write_text(changed)
        with pytest.raises(PolicyError, match="version"):
            dependencies(environment | {POLICY.name: str(tmp_path / "policy.toml")})


def test_a_store_that_was_never_created_is_not_written_to(environment: dict[str, str], store: Store) -> None:
    """An empty server is an accident or the wrong server."""
    store.flush()
    with pytest.raises(StoreError, match="store is empty"):
        dependencies(environment)
