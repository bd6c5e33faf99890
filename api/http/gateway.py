"""The edge of one plane: what every request passes, wired together in the plane's app."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from api.http.api_keys import Authenticator
from api.http.logs import RequestLog
from api.http.middleware import RequestMetrics
from api.http.rate_limit import RateLimiter
from api.http.request_body import BodyReader
from privacy.model.timestamp import Clock


@dataclass(frozen=True)
class Gateway:
    """What stands between the network and the handlers.

    Args:
        authenticator: checks keys.
        limiter: counts requests by key.
        clock: now, in ms since 1970 UTC.
        log: one line a request.
        readiness: checks by name; each raises when its dependency is not ready.
        metrics: what this process has answered.
        bodies: reads request bodies.
    """

    authenticator: Authenticator
    limiter: RateLimiter
    clock: Clock
    log: RequestLog
    readiness: Mapping[str, Callable[[], object]]
    metrics: RequestMetrics = field(default_factory=RequestMetrics)
    bodies: BodyReader = field(default_factory=BodyReader)


class HasGateway(Protocol):
    """The services of any plane: they carry its edge."""

    @property
    def edge(self) -> Gateway:
        """The plane's edge."""
