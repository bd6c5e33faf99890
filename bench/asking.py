"""One request to a plane, outside of any load."""

from __future__ import annotations

import json
from typing import Any
from urllib.request import Request, urlopen

from bench.world import LOOPBACK

_PATIENCE_SECONDS = 60


def ask(port: int, key: str, path: str, body: bytes | None = None, media_type: str = "") -> dict[str, Any]:
    """The answer of a plane, as JSON has it; with a body it is a POST."""
    headers = {"Authorization": f"Bearer {key}"} | ({"Content-Type": media_type} if body else {})
    request = Request(f"http://{LOOPBACK}:{port}{path}", data=body, headers=headers)
    with urlopen(request, timeout=_PATIENCE_SECONDS) as response:  # noqa: S310 - http and loopback, as above
        answer: dict[str, Any] = json.load(response)
    return answer
