"""Log rewrites after erasures: when they start, how slowly they run, and when a request is completed."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from privacy.moderation.aof_rewrite import COLLECT_MS, AofRewriteScheduler, request_aof_rewrite
from privacy.store.keys import AOF_REWRITES_COMPLETED
from tests.support.eventually import eventually
from tests.support.redis_server import Store

PACE = "rdb-key-save-delay"
HALF_HOUR_US = 1_800_000_000


@pytest.fixture
def stuck(store: Store) -> Iterator[Store]:
    """A store with one key, whose rewrites sleep for half an hour after each key."""
    configured = store.root.config_get(PACE)[PACE] or ""
    store.root.config_set(PACE, HALF_HOUR_US)
    request_aof_rewrite(store.maintenance)
    yield store
    store.root.config_set(PACE, configured)
    end_rewrite(store)


def rewrite_pid(store: Store) -> int | None:
    """Return the process id of the rewrite."""
    server = store.server.pid
    children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
    return int(children[0]) if children else None


def is_resting(store: Store) -> bool:
    """Return whether the rewrite is asleep."""
    child = rewrite_pid(store)
    return child is not None and Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0] == "S"


def end_rewrite(store: Store) -> None:
    """Kill the rewrite, and wait until the server has noticed."""
    if child := rewrite_pid(store):
        os.kill(child, signal.SIGKILL)
    eventually(lambda: not is_rewriting(store), "the end of the rewrite")


def is_rewriting(store: Store) -> bool:
    """Return whether the server reports a rewrite."""
    return bool(store.root.info("persistence")["aof_rewrite_in_progress"])


def test_a_rewrite_rests_between_keys_and_intake_does_not(stuck: Store) -> None:
    """The rewrite sleeps as configured; meanwhile the server answers, and the request stays open."""
    rewriter = AofRewriteScheduler(stuck.maintenance)
    for now_ms in (0, COLLECT_MS):
        rewriter.step(now_ms)
    eventually(lambda: is_resting(stuck), "the rewrite resting")
    request_aof_rewrite(stuck.platform)
    rewriter.step(2 * COLLECT_MS)
    assert is_rewriting(stuck)
    assert stuck.root.get(AOF_REWRITES_COMPLETED) is None


def test_a_rewrite_that_was_killed_is_begun_again(stuck: Store) -> None:
    """Only a rewrite that finished completes the request."""
    rewriter = AofRewriteScheduler(stuck.maintenance)
    for now_ms in (0, COLLECT_MS):
        rewriter.step(now_ms)
    eventually(lambda: is_resting(stuck), "the rewrite resting")
    end_rewrite(stuck)
    stuck.root.config_set(PACE, 0)
    rewriter.step(COLLECT_MS)
    assert stuck.root.get(AOF_REWRITES_COMPLETED) is None

    def is_completed() -> bool:
        rewriter.step(COLLECT_MS)
        return stuck.root.get(AOF_REWRITES_COMPLETED) == b"1"

    eventually(is_completed, "the request being completed")
