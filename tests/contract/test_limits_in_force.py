"""A platform plane whose policy is not the one in force takes nothing in, and says why."""

import pytest

from privacy.errors import LimitsError
from privacy.model.timestamp import MS_PER_DAY
from privacy.policy.file import DEFAULT_POLICY_PATH
from privacy.policy.registry import register_policy
from privacy.vault.limits import put_limits_in_force
from tests.support.platform_plane import (
    ACCOUNT_SHARDS,
    JSON,
    NDJSON,
    PlatformPlane,
    ago,
    dump,
    event,
    lines,
    plane_on,
)
from tests.support.redis_server import Store
from tests.support.staff import office_on

PROBLEM = "urn:likewise:problem:limits-not-in-force"
VIDEO = {"posted_at": ago(3600)}
Act = tuple[str, str, bytes, str]

ACTS: dict[str, Act] = {
    "readiness": ("GET", "/readyz", b"", NDJSON),
    "events": ("POST", "/v1/events", lines(event()), NDJSON),
    "a video": ("PUT", "/v1/videos/v-2", lines(VIDEO), JSON),
    "the same video again": ("PUT", "/v1/videos/v-1", lines(VIDEO), JSON),
    "videos": ("POST", "/v1/videos", lines({"video_id": "v-2", **VIDEO}), NDJSON),
    "a creator": ("PUT", "/v1/creators/c-2", lines({"counted_from": ago(3600)}), JSON),
}


@pytest.fixture
def plane(store: Store) -> PlatformPlane:
    """A plane under the packaged policy, with a video."""
    register_policy(store.admin, DEFAULT_POLICY_PATH.read_bytes())
    plane = plane_on(store)
    plane.register("v-1")
    return plane


def put_in_force(store: Store, old: str, new: str) -> None:
    """Put another policy in force, as `likewise init` does; the processes go on."""
    text = DEFAULT_POLICY_PATH.read_text().replace("2026-12-default", "another")
    assert old in text
    registry = register_policy(store.admin, text.replace(old, new).encode())
    put_limits_in_force(store.admin, ACCOUNT_SHARDS, registry.limits)


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_a_plane_under_other_limits_says_that_it_must_be_started_again(
    store: Store, plane: PlatformPlane, act: Act
) -> None:
    """Neither events nor targets are taken, and a balancer learns it; no limit and no policy is named."""
    put_in_force(store, "daily_cap = 100", "daily_cap = 50")
    before = dump(store)
    reply = plane.try_sending(*act)
    assert (reply.status_code, reply.json["type"]) == (503, PROBLEM)
    assert reply.json["detail"] == (
        "Nothing was acknowledged. This process was started under a policy whose limits are not in "
        "force: its operator must start it again."
    )
    assert reply.headers["Retry-After"]
    assert dump(store) == before
    assert plane.client.get("/healthz").status_code == 200


def test_a_maintenance_worker_drops_nothing_by_periods_that_are_not_in_force(store: Store) -> None:
    """A policy that keeps audit trail and backups for longer was put in force, and the worker goes on."""
    register_policy(store.admin, DEFAULT_POLICY_PATH.read_bytes())
    office = office_on(store)
    office.request("erasures")
    office.work()
    office.plane.clock.now_ms += 3_000 * MS_PER_DAY
    path = store.server.folder / "rollback-guard" / f"{'0' * 32}.erasures"
    trail, erasures = store.root.xlen("p:audit"), path.read_bytes()
    put_in_force(store, "audit_trail_seconds = 63072000", "audit_trail_seconds = 630720000")
    for act in (office.work, lambda: next(office.maintenance.sweep.run(office.plane.clock.now_ms))):
        with pytest.raises(LimitsError, match="audit_trail_seconds"):
            act()
    assert (store.root.xlen("p:audit"), path.read_bytes()) == (trail, erasures)


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_a_plane_takes_a_smaller_w_over(store: Store, plane: PlatformPlane, act: Act) -> None:
    """It holds for the targets of all policies, so a process that was started before goes on under it."""
    put_in_force(store, "flip_cap = 4 ", "flip_cap = 2 ")
    assert plane.try_sending(*act).status_code in {200, 201}
    assert plane.log.failures == []
