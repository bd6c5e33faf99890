"""An attack: what is sent to a plane, and the right answer. Each plane has a table of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import requests

ANSWER_SECONDS = 10.0
"""Longest time for an answer; a machine that runs other tests is slow."""


@dataclass(frozen=True)
class Attack:
    """One line of a table.

    Args:
        name: names what is odd about it.
        path: path and query.
        body: as sent.
        status: the right status.
        answer: members that the answer must have; of a mapping, those members. None stands for a member that
            must be absent.
        method: of the request.
        scope: of the API key.
        headers: further headers; the content type is JSON unless it is named.
    """

    name: str
    path: str
    body: bytes
    status: int = 200
    answer: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    method: str = "POST"
    scope: str = "ingest"
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def __str__(self) -> str:
        """Return the name, for the report of the tests."""
        return self.name


def attack(url: str, tokens: Mapping[str, str], sent: Attack) -> None:
    """Send an attack, and check the answer, its time, and that the plane is well after it."""
    headers = {
        "Authorization": f"Bearer {tokens[sent.scope]}",
        "Content-Type": "application/json",
        **sent.headers,
    }
    answer = requests.request(
        sent.method, url + sent.path, data=sent.body, headers=headers, timeout=ANSWER_SECONDS
    )
    assert answer.status_code == sent.status, answer.text[:500]
    document = answer.json()
    assert_holds(document, sent.answer)
    if sent.status >= 400:
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert all(document[name] for name in ("type", "title", "detail"))
    assert requests.get(f"{url}/healthz", timeout=ANSWER_SECONDS).status_code == 200


def assert_holds(document: Any, expected: Mapping[str, Any]) -> None:
    """Check members of a document."""
    for name, value in expected.items():
        if isinstance(value, Mapping):
            assert_holds(document[name], value)
        else:
            assert document.get(name) == value, (name, document)
