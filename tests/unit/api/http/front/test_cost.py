"""What a request costs beside the app: calls are counted, since times depend on the machine."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any

from tests.support.served import read_answer, request, served

MAX_CALLS = 34
"""Of Python functions for a request on an open connection, the app's own one with them."""
_REQUESTS = 10


class Counter:
    """An app that counts the calls of its thread between the paths /begin and /end."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answers at once."""
        if environ["PATH_INFO"] == "/begin":
            sys.setprofile(self._note)
        elif environ["PATH_INFO"] == "/end":
            sys.setprofile(None)
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
        return [b"ok"]

    def _note(self, frame: Any, event: str, _argument: object) -> None:
        if event == "call":
            self.calls.append(frame.f_code.co_name)


def test_a_request_on_an_open_connection_costs_few_calls() -> None:
    """Without a task, a thread or a timer of its own, and with a bounded number of calls."""
    app = Counter()
    with served(app) as plane, plane.connect() as opened:
        for path in ("/begin", *["/"] * (_REQUESTS - 1), "/end"):
            opened.sendall(request("GET", path, Authorization="Bearer x", Accept="*/*"))
            assert read_answer(opened).status == 200
    assert app.calls.count("on_headers_complete") == 2 * _REQUESTS  # ours, and uvicorn's
    assert len(app.calls) <= MAX_CALLS * _REQUESTS, app.calls
    assert not {"run_asgi", "call_later", "timeout_keep_alive_handler"} & {*app.calls}
