"""Sends single requests to a plane, outside of any load."""

import json
from typing import Any
from urllib.request import Request, urlopen

from bench.deployment import LOOPBACK

_TIMEOUT_SECONDS = 60


def send_request(
    port: int, key: str, path: str, body: bytes | None = None, media_type: str = ""
) -> dict[str, Any]:
    """Sends a GET, or a POST if there is a body, and returns the JSON answer."""
    headers = {"Authorization": f"Bearer {key}"} | ({"Content-Type": media_type} if body else {})
    request = Request(f"http://{LOOPBACK}:{port}{path}", data=body, headers=headers)
    with urlopen(request, timeout=_TIMEOUT_SECONDS) as response:  # noqa: S310 - http and loopback, as above
        answer: dict[str, Any] = json.load(response)
    return answer
