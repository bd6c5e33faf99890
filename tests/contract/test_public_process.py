"""The public plane as it is deployed: a process that is configured by its environment alone."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import requests

from privacy.store.header import StoreHeader
from privacy.store.users import LIMITER, PUBLIC
from tests.support.authorization_server import AUDIENCE, authorization_server
from tests.support.eventually import eventually
from tests.support.gallery import publish_every_state
from tests.support.ports import free_port
from tests.support.public_plane import HOST, new_key
from tests.support.redis_server import Store

PATIENCE_SECONDS = 30.0


@contextmanager
def plane(environment: dict[str, str], *options: str) -> Iterator[str]:
    """Run the plane on a free port, and answer its URL once it is ready."""
    port = free_port()
    command = [sys.executable, "-m", "api.public", "--threads", "2", "--port", str(port), *options]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        url = f"http://{HOST}:{port}"
        _wait(url, process)
        yield url
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    def is_ready() -> bool:
        assert process.poll() is None, "the worker ended"
        try:
            return requests.get(f"{url}/readyz", timeout=1).ok
        except requests.RequestException:
            return False

    eventually(is_ready, "the worker being ready", PATIENCE_SECONDS)


def test_a_worker_serves_the_gallery(store: Store) -> None:
    """A worker that has the two passwords of the public plane and nothing else answers over HTTP."""
    StoreHeader.create_or_verify(store.admin, os.urandom).of_gallery.put(store.admin)
    publish_every_state(store)
    names = ("PATH", "HOME", "PYTHONPATH", "VIRTUAL_ENV")
    environment = {name: os.environ[name] for name in names if name in os.environ}
    environment |= store.settings.environment((PUBLIC, LIMITER))
    token, _ = new_key(store, "read", now_ms=time.time_ns() // 1_000_000)
    with plane(environment) as url, requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {token}"
        answer = session.get(f"{url}/v1/videos/shown/likes", timeout=10)
        assert (answer.status_code, answer.json()["total"]["value"]) == (200, 1284)
        again = session.get(answer.url, headers={"If-None-Match": answer.headers["ETag"]}, timeout=10)
        assert (again.status_code, again.content) == (304, b"")
        assert session.head(answer.url, timeout=10).headers["Content-Length"] == str(len(answer.content))
        assert session.get(f"{url}/v1/videos/%C3%A9", timeout=10).json()["field"] == "video_id"
        assert session.get(answer.url, data=b"{}", timeout=10).json()["field"] == "body"
        assert session.get(f"{url}/docs", timeout=10).headers["Content-Type"].startswith("text/html")


def test_a_worker_takes_access_tokens_and_frames_by_setting(store: Store) -> None:
    """With the settings of an authorization server its tokens read; the first one has its keys fetched."""
    StoreHeader.create_or_verify(store.admin, os.urandom).of_gallery.put(store.admin)
    publish_every_state(store)
    with authorization_server() as issuer:
        environment = os.environ | store.settings.environment((PUBLIC, LIMITER))
        environment |= {
            "LIKEWISE_OAUTH_ISSUER": issuer.url,
            "LIKEWISE_OAUTH_AUDIENCE": AUDIENCE,
            "LIKEWISE_OAUTH_JWKS_URL": f"{issuer.url}/jwks",
            "LIKEWISE_FRAME_ANCESTORS": "https://b.example,https://a.example",
        }
        with plane(environment) as url:
            for token, status in ((issuer.token("c-12"), 200), (issuer.token("maker"), 403)):
                headers = {"Authorization": f"Bearer {token}"}
                answers = [
                    requests.get(f"{url}/v1/videos/shown/likes", headers=headers, timeout=10) for _ in "ab"
                ]
                assert [answer.status_code for answer in answers] == [status] * 2
            card = requests.get(f"{url}/embed/videos/shown", timeout=10)
            policy = card.headers["Content-Security-Policy"]
            assert policy.endswith("frame-ancestors https://a.example https://b.example")
        assert issuer.asked == 1


def test_a_gallery_that_is_emptied_is_not_served(store: Store) -> None:
    """After the gallery lost its data the plane is not ready and answers 503, not 401 or 404.

    First on the connections that it has, and then on new ones.
    """
    StoreHeader.create_or_verify(store.admin, os.urandom).of_gallery.put(store.admin)
    publish_every_state(store)
    token, _ = new_key(store, "read")
    environment = os.environ | store.settings.environment((PUBLIC, LIMITER))
    answers = []
    with plane(environment) as url:
        store.flush()
        for _ in range(2):
            headers = {"Authorization": f"Bearer {token}"}
            answers.append(requests.get(f"{url}/readyz", timeout=10))
            answers.append(requests.get(f"{url}/v1/videos/published/likes", headers=headers, timeout=10))
            store.root.client_kill_filter(_type="normal", skipme=True)
    found = {(answer.status_code, answer.json()["type"]) for answer in answers}
    assert found == {(503, "urn:likewise:problem:store-lost")}


def test_metrics_are_those_of_all_workers(store: Store) -> None:
    """Whichever of two workers is asked, it counts the requests of both, and the count never falls."""
    StoreHeader.create_or_verify(store.admin, os.urandom).of_gallery.put(store.admin)
    environment = os.environ | store.settings.environment((PUBLIC, LIMITER))
    with plane(environment, "--workers", "2") as url:
        before = _count_health_checks(url)
        for _ in range(20):
            requests.get(f"{url}/healthz", timeout=10)
        counts = [_count_health_checks(url) for _ in range(8)]
    assert counts == [before + 20.0] * 8


def _count_health_checks(url: str) -> float:
    """Reads the count on a connection of its own, which any worker may take."""
    lines = requests.get(f"{url}/metrics", timeout=10).text.splitlines()
    name = 'likewise_http_requests_total{operation="get_health",status="200"}'
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))
