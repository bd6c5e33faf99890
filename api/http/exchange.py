"""What is known of one request beside its answer: for the layers around the app."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from api.http.metrics import UNMATCHED

_ENVIRON_KEY = "likewise.exchange"


@dataclass(slots=True)
class Exchange:
    """One request and its answer.

    Args:
        operation_id: name of the operation; `UNMATCHED` where no route takes the request.
        headers: what the answer will carry beside its own headers, success or problem.
    """

    operation_id: str = UNMATCHED
    headers: list[tuple[str, str]] = field(default_factory=list)


def open_exchange(environ: dict[str, Any]) -> Exchange:
    """Start the exchange of a request."""
    exchange = environ[_ENVIRON_KEY] = Exchange()
    return exchange


def exchange_of(environ: dict[str, Any]) -> Exchange:
    """The exchange of the request that has this WSGI environment."""
    exchange: Exchange = environ[_ENVIRON_KEY]
    return exchange
