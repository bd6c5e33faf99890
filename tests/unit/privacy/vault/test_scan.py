"""A scan of all accounts goes on over lost connections, and never on a server that was started since."""

from collections.abc import Callable, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from privacy.errors import StoreBusyError
from privacy.vault.scan import MAX_ATTEMPTS, AccountScan
from tests.support.faults import LostConnectionError
from tests.support.redis_server import Store, clients, server_with_root
from tests.support.registers import shards_on, vault_on
from tests.support.stepped_redis import Hook, SteppedRedis

ACCOUNTS = 300
NAMES_PER_STEP = 20
"""SCAN returns some more, since it returns whole buckets."""


ASKED, LOST, LOST_ANSWER = "asked", "lost", "lost answer"


def unreliable(*outcomes: str) -> Hook:
    """Return a hook under which commands end in the given ways, again and again."""
    following = cycle(outcomes)

    def hook(send: Callable[[], Any]) -> Any:
        outcome = next(following)
        answer = send() if outcome != LOST else None
        if outcome != ASKED:
            raise LostConnectionError
        return answer

    return hook


def like_with_all(store: Store) -> None:
    """Let every account like something."""
    vault_on(store, 4, 1000).record([(f"account-{number}", 4, 1, 0, 0) for number in range(ACCOUNTS)], 0)


def count_accounts(scan: AccountScan) -> int:
    """Count the accounts that a scan finds."""
    return len({name for names in scan.scan_names(NAMES_PER_STEP) for name in names})


@pytest.mark.parametrize(
    "outcomes",
    [
        (ASKED,),
        (LOST, ASKED, ASKED),
        (ASKED, LOST_ANSWER, ASKED, ASKED),
        (*[LOST] * (MAX_ATTEMPTS - 1), ASKED, ASKED),
    ],
    ids=["none", "before", "in the middle", "as often as may be"],
)
def test_lost_connections_do_not_begin_a_scan_again(store: Store, outcomes: Sequence[str]) -> None:
    """However often a connection is lost, every account is found."""
    like_with_all(store)
    client = SteppedRedis(store.maintenance, unreliable(*outcomes))
    assert count_accounts(AccountScan(shards_on(client))) == ACCOUNTS


def test_a_scan_gives_up_if_nothing_is_answered(store: Store) -> None:
    """The caller rests, and tries again later."""
    client = SteppedRedis(store.maintenance, unreliable(*[LOST] * MAX_ATTEMPTS, ASKED))
    with pytest.raises(StoreBusyError):
        count_accounts(AccountScan(shards_on(client)))


def test_a_scan_ends_where_the_server_was_started_again(tmp_path: Path) -> None:
    """Its cursor means nothing to the server now, although the connection is made again in silence."""
    with server_with_root(tmp_path) as server, clients(server) as store:
        like_with_all(store)
        steps = AccountScan(shards_on(store.maintenance)).scan_names(NAMES_PER_STEP)
        next(steps)
        server.stop()
        server.start()
        with pytest.raises(StoreBusyError, match="started again"):
            next(steps)
