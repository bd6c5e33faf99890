"""A policy version that no target is bound to can be taken back, and no other one."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from api.http.system import clock_ms
from api.runtime.policy_retirement import PolicyRetirement
from api.runtime.policy_source import read_policy
from api.runtime.store_keys import KeyFiles
from api.runtime.store_setup import PreparedStore, StoreSetup
from privacy.catalogue.catalogue import Catalogue, Registration
from privacy.errors import ConflictError, NotFoundError, PolicyError, StoreError
from privacy.gallery.reader import GalleryReader
from privacy.policy.policy import Policy
from privacy.policy.registry import read_policy_texts, unregister_policy
from privacy.publishing.publisher import Publisher
from privacy.store.keys import POLICIES
from privacy.vault.limits import KnownLimits, limits_key, require_limits_in_force
from tests.support.cli_policy import SMALL_POLICY
from tests.support.redis_server import Store
from tests.support.registers import raw
from tests.support.targets import a_video

SANDBOX = "\n[sandbox]\ncompress_schedule_by = 400\npublic_delay_seconds = 2\n"
STRICT = SMALL_POLICY.replace('"small"', '"strict"').replace("flip_cap = 4", "flip_cap = 2") + SANDBOX
RULES = "30 10 600 3600 63072000 2592000 2592000 2592000 95040000 2592000 under-13"
"""Those of the policy in force, behind w, M and the life of a tombstone."""
RESERVED = (
    SMALL_POLICY.replace('"small"', '"reserved"')
    .replace('gender = ["female", "male"]', 'total = ["calm", "merry"]')
    .replace("gender = 0.5", "total = 0.5")
)
"""A dimension whose name is that of a statistic."""


@dataclass(frozen=True)
class Deployment:
    """A store that is set up in a folder, under the policy `small`."""

    store: Store
    folder: Path

    def init(self, text: str) -> PreparedStore:
        """Puts a policy in force."""
        path = self.folder / "policy.toml"
        path.write_text(text)
        keys = KeyFiles(self.folder / "pseudonym.key", self.folder / "ledger.key")
        guard = self.folder / "rollback-guard"
        return StoreSetup(read_policy(path), keys, guard, clock_ms, os.urandom).prepare(self.store.settings)

    def retire(self, version: str) -> str | None:
        """Takes a version back."""
        gallery = GalleryReader(self.store.public)
        return PolicyRetirement(self.store.admin, self.init(SMALL_POLICY).header, gallery).retire(version)

    def register(self, prepared: PreparedStore, policy: Policy, video_id: str) -> list[Registration]:
        """Registers a video, as a plane does that was started under a policy."""
        publish = Publisher(self.store.publisher).publish_targets
        catalogue = Catalogue(self.store.platform, prepared.header.target_shards, policy, publish)
        return catalogue.register([a_video(video_id, clock_ms())], clock_ms())


@pytest.fixture
def deployment(store: Store, tmp_path: Path) -> Deployment:
    """A deployment with the versions `strict`, which was in force for a while, and `small`, which is."""
    found = Deployment(store, tmp_path)
    found.init(STRICT)
    found.init(SMALL_POLICY)
    return found


def test_a_version_without_targets_is_taken_back(deployment: Deployment) -> None:
    """The store forgets it and its sandbox, and processes start under the limits of the others."""
    assert deployment.retire("strict") == f"4 5 286400 {RULES}"
    prepared = deployment.init(SMALL_POLICY)
    assert set(prepared.registry.versions) == {"small"}
    known = KnownLimits(prepared.registry, deployment.store.platform)
    require_limits_in_force(deployment.store.platform, prepared.header.account_shards, known)
    assert known.current.flip_cap == 4
    assert deployment.register(prepared, prepared.registry.current, "v-1") == [Registration.CREATED]


def test_a_process_of_the_retired_version_registers_nothing(deployment: Deployment) -> None:
    """A plane that still runs under it gets an error that says what to do, and leaves no target behind."""
    strict = deployment.init(STRICT)
    deployment.retire("strict")
    for policy in (strict.registry.current, strict.registry.versions["strict.sandbox"]):
        with pytest.raises(StoreError, match="was retired, and takes no new target: start it again"):
            deployment.register(strict, policy, "v-1")
    prepared = deployment.init(SMALL_POLICY)
    assert deployment.register(prepared, prepared.registry.current, "v-1") == [Registration.CREATED]


@pytest.mark.parametrize(
    ("version", "counts"), [("strict", "1 targets and 0 can"), ("strict.sandbox", "0 targets and 1 can")]
)
def test_a_version_with_targets_stays(deployment: Deployment, version: str, counts: str) -> None:
    """The refusal says how many keep it, and afterwards the version takes targets as before."""
    strict = deployment.init(STRICT)
    policy = strict.registry.versions[version]
    deployment.register(strict, policy, "v-1")
    before = in_force(deployment)
    with pytest.raises(ConflictError, match=counts):
        deployment.retire("strict")
    assert "strict" in read_policy_texts(deployment.store.admin)
    assert in_force(deployment) == before
    assert deployment.register(strict, policy, "v-2") == [Registration.CREATED]


def test_what_is_in_force_or_unknown_is_not_retired(deployment: Deployment) -> None:
    """One must be in force, and a name that the store does not have is a mistake."""
    with pytest.raises(ConflictError, match="is in force: put another one in force first"):
        deployment.retire("small")
    with pytest.raises(NotFoundError, match="no policy other; it has small, strict"):
        deployment.retire("other")


def test_a_retired_version_can_be_registered_again(deployment: Deployment) -> None:
    """Setting the store up with its file puts it in force like any other."""
    deployment.retire("strict")
    strict = deployment.init(STRICT)
    assert deployment.register(strict, strict.registry.current, "v-1") == [Registration.CREATED]
    assert in_force(deployment) == {f"2 5 286400 {RULES}".encode()}


def test_an_interrupted_retirement_is_finished(deployment: Deployment) -> None:
    """Asked for again after the version was removed, it puts the limits in force."""
    retire = deployment.retire("strict")
    deployment.init(STRICT)
    deployment.init(SMALL_POLICY)
    gallery = GalleryReader(deployment.store.public)
    retirement = PolicyRetirement(deployment.store.admin, deployment.init(SMALL_POLICY).header, gallery)
    retirement.close_if_unbound("strict")
    unregister_policy(deployment.store.admin, "strict")
    assert in_force(deployment) == {f"2 5 286400 {RULES}".encode()}
    assert retirement.retire("strict") == retire
    assert in_force(deployment) == {f"4 5 286400 {RULES}".encode()}


@pytest.mark.parametrize("version", ["reserved", "current"])
def test_a_store_with_a_version_that_breaks_a_rule_is_mended(deployment: Deployment, version: str) -> None:
    """An older program took it in. The error names the way out, even if it is the version in force."""
    prepared = deployment.init(SMALL_POLICY)
    text = RESERVED if version == "reserved" else SMALL_POLICY.replace('"small"', f'"{version}"')
    deployment.store.root.hset(POLICIES, version, text)
    deployment.store.root.set("g:guarantee:current", version)
    with pytest.raises(PolicyError, match=f"If no target is bound to it, `likewise policy retire {version}`"):
        deployment.init(SMALL_POLICY)
    retirement = PolicyRetirement(
        deployment.store.admin, prepared.header, GalleryReader(deployment.store.public)
    )
    retirement.retire(version)
    assert deployment.init(SMALL_POLICY).registry.current.version == "small"


def test_two_broken_versions_are_retired_one_by_one(deployment: Deployment) -> None:
    """The first leaves the limits as they are, since none follow from the second."""
    prepared = deployment.init(SMALL_POLICY)
    for version in ("broken-1", "broken-2"):
        deployment.store.root.hset(POLICIES, version, RESERVED.replace('"reserved"', f'"{version}"'))
    gallery = GalleryReader(deployment.store.public)
    retirement = PolicyRetirement(deployment.store.admin, prepared.header, gallery)
    assert retirement.retire("broken-1") is None
    assert retirement.retire("broken-2") == f"2 5 286400 {RULES}"
    assert deployment.init(SMALL_POLICY).registry.current.version == "small"


def test_the_only_version_stays(store: Store, tmp_path: Path) -> None:
    """A store without a policy has no limits."""
    deployment = Deployment(store, tmp_path)
    prepared = deployment.init(SMALL_POLICY)
    store.root.hset(POLICIES, "small", RESERVED.replace('"reserved"', '"small"'))
    with pytest.raises(ConflictError, match="is the store's only one"):
        PolicyRetirement(store.admin, replace(prepared.header), GalleryReader(store.public)).retire("small")


def in_force(deployment: Deployment) -> set[bytes]:
    """Returns the limits on the account shards."""
    shards = deployment.store.root.keys(limits_key(0).replace("a0", "a*"))
    return {raw(deployment.store.root.get(key)) for key in shards}
