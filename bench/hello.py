"""The peer of `reads`: Flask's smallest JSON answer, on the product's server program with its settings."""

from __future__ import annotations

import sys

from flask import Flask

from api.http.serve import Serving, serve
from bench.world import LOOPBACK

WORKERS = 1
THREADS = 4


def create() -> Flask:
    """Make the app."""
    app = Flask(__name__)

    @app.get("/")
    def hello() -> dict[str, str]:
        return {"hello": "world"}

    return app


if __name__ == "__main__":
    serve("bench.hello", Serving(LOOPBACK, int(sys.argv[1]), WORKERS, THREADS))
