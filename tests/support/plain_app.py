"""An app without a store, for tests of worker processes."""

import sys
from collections.abc import Callable, Iterable
from typing import Any


def create() -> Callable[..., Iterable[bytes]]:
    """Returns an app that answers everything with the seconds after which a thread gives way to another."""

    def app(_environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        seconds = str(sys.getswitchinterval()).encode()
        start_response("200 OK", [("Content-Length", str(len(seconds)))])
        return [seconds]

    return app
