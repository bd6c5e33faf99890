"""A store knows every policy that its targets are bound to."""

import pytest

from privacy.errors import PolicyError
from privacy.policy.file import DEFAULT_POLICY_PATH, load_policy, parse_policy
from privacy.policy.registry import read_policy_registry, read_registered_policy, register_policy
from tests.support.redis_server import Store

DEFAULT = DEFAULT_POLICY_PATH.read_bytes()


def changed(version: str, flip_cap: int = 4, daily_cap: int = 100) -> bytes:
    """The default policy under another version."""
    text = DEFAULT.decode().replace("2026-12-default", version)
    text = text.replace("flip_cap = 4", f"flip_cap = {flip_cap}")
    return text.replace("daily_cap = 100", f"daily_cap = {daily_cap}").encode()


def test_a_registered_policy_is_read_back(store: Store) -> None:
    """A registered policy is known to every process, whole and under its version."""
    assert register_policy(store.admin, DEFAULT).current == load_policy()
    registry = read_policy_registry(store.platform, load_policy())
    assert dict(registry.versions) == {
        policy.version: policy for policy in (load_policy(), load_policy().sandbox) if policy
    }


def test_older_policies_stay(store: Store) -> None:
    """A new policy does not take away the one to which older targets are bound."""
    register_policy(store.admin, DEFAULT)
    registry = register_policy(store.admin, changed("next"))
    assert {"2026-12-default", "next"} <= set(registry.versions)
    assert registry.current.version == "next"


def test_the_smallest_flip_cap_and_the_current_daily_cap_hold(store: Store) -> None:
    """No engagement flips more often than the noise of its target covers; M is the current policy's."""
    register_policy(store.admin, changed("strict", flip_cap=2, daily_cap=10))
    registry = register_policy(store.admin, changed("lax", flip_cap=6, daily_cap=200))
    assert (registry.limits.flip_cap, registry.limits.daily_cap) == (2, 200)


def test_a_version_names_one_policy(store: Store) -> None:
    """Another content under a known version is refused, and the store keeps what it had."""
    register_policy(store.admin, DEFAULT)
    with pytest.raises(PolicyError, match="is another policy in this store"):
        register_policy(store.admin, changed("2026-12-default", flip_cap=6))
    assert read_policy_registry(store.platform, load_policy()).current == load_policy()


def test_a_policy_that_was_not_registered_is_refused(store: Store) -> None:
    """A process whose policy the store does not know must not start."""
    register_policy(store.admin, DEFAULT)
    with pytest.raises(PolicyError, match="'other' is not registered"):
        read_policy_registry(store.platform, parse_policy(changed("other")))


def test_a_wrong_policy_is_not_registered(store: Store) -> None:
    """A policy that does not load leaves no trace."""
    with pytest.raises(PolicyError):
        register_policy(store.admin, changed("wrong", flip_cap=3))
    assert store.root.dbsize() == 0


def test_a_policys_sandbox_is_registered_with_it(store: Store) -> None:
    """It is known wherever its policy is, under a version of its own."""
    registry = register_policy(store.admin, DEFAULT)
    assert set(registry.versions) == {"2026-12-default", "2026-12-default.sandbox"}
    assert registry.sandbox is not None
    assert registry.sandbox.current == read_registered_policy(store.release, "2026-12-default.sandbox")
    assert read_registered_policy(store.release, "2026-12-default") == registry.current
    assert read_registered_policy(store.release, "2026-12.sandbox") is None
