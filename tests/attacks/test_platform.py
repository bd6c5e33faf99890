"""The table of attacks on the platform plane, over HTTP."""

from collections.abc import Iterator, Mapping
from threading import Thread
from typing import NamedTuple

import pytest
from werkzeug.serving import make_server

from tests.attacks.attack import Attack, attack
from tests.attacks.platform_table import ATTACKS
from tests.support.platform_plane import PlatformPlane, new_key, plane_on
from tests.support.redis_server import Store


class Attacked(NamedTuple):
    """A running plane.

    Args:
        plane: its app and log.
        url: its address.
        tokens: API keys by scope.
    """

    plane: PlatformPlane
    url: str
    tokens: Mapping[str, str]


@pytest.fixture(scope="module")
def attacked(shared_store: Store) -> Iterator[Attacked]:
    """A running plane with one registered video; all attacks of the table meet the same one."""
    shared_store.flush()
    with shared_store.without_fsync():
        plane = plane_on(shared_store)
        plane.register("v-1")
        tokens = {"ingest": plane.token, "canary": new_key(shared_store, "canary")}
        server = make_server("127.0.0.1", 0, plane.app, threaded=True)
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield Attacked(plane, f"http://127.0.0.1:{server.port}", tokens)
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("sent", ATTACKS, ids=str)
def test_an_attack_gets_its_right_answer(attacked: Attacked, sent: Attack) -> None:
    """The status and the members that the table names, in time, and no defect in the log."""
    attack(attacked.url, attacked.tokens, sent)
    assert attacked.plane.log.failures == []
