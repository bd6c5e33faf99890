"""An app without a store, for tests of worker processes."""

from collections.abc import Callable, Iterable
from typing import Any


def create() -> Callable[..., Iterable[bytes]]:
    """Returns an app that answers everything."""

    def app(_environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Length", "2")])
        return [b"ok"]

    return app
