"""Attacks on the wire: bytes of a request, and the right answer over a real connection.

To add one, add a line to `CASES` of the module of its plane. Each line says what it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

import msgspec

from tests.support.served import Answer, Served, read_answer, request

JSON: Final = "application/json"
PROBLEM: Final = "application/problem+json"
_HEALTH_SECONDS: Final = 1.0


def head(*headers: str, method: str = "GET", path: str = "/healthz") -> bytes:
    """Returns line and headers of a request, which has a Host header."""
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: x", *headers, "", ""]).encode()


@dataclass(frozen=True)
class Attack:
    """A request that breaks a rule, or looks as if it did.

    Args:
        name: what it is.
        method: as sent.
        path: as sent, with the query.
        status: the right status.
        key: name of the API key; empty for none.
        body: the body; None for none.
        headers: in addition to Host, Authorization and Content-Length.
        problem_field: the member `field` of the problem document; empty if it has none.
        raw: the whole request, instead of all these; `{key}` is replaced by the key.
    """

    name: str
    method: str = "GET"
    path: str = "/"
    status: int = 200
    key: str = ""
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    problem_field: str = ""
    raw: bytes = b""

    def sent(self, keys: Mapping[str, str]) -> bytes:
        """Returns the bytes to send."""
        token = keys[self.key] if self.key else ""
        if self.raw:
            return self.raw.replace(b"{key}", token.encode())
        allowed = {"Authorization": f"Bearer {token}"} if token else {}
        return request(self.method, self.path, self.body, **allowed, **self.headers)


def attack(plane: Served, keys: Mapping[str, str], case: Attack) -> Answer:
    """Sends an attack, checks its answer, and that the plane is well after it.

    Args:
        plane: the plane.
        keys: API keys by name.
        case: the attack.
    """
    answer = plane.ask(case.sent(keys))
    assert answer.status == case.status, answer.body[:500]
    if answer.status >= 400 and case.method != "HEAD":
        assert answer.headers["content-type"] == PROBLEM
        problem = msgspec.json.decode(answer.body)
        assert problem["status"] == case.status
        assert problem["type"].startswith("urn:likewise:problem:")
        assert problem.get("field", "") == case.problem_field
    with plane.connect(_HEALTH_SECONDS) as opened:
        opened.sendall(request("GET", "/healthz"))
        assert read_answer(opened).status == 200
    return answer
