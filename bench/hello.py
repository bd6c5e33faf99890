"""The peer of `reads`: a minimal JSON answer from Flask, on the product's server program and settings."""

import sys

from flask import Flask

from api.http.serve import Serving, serve
from bench.deployment import LOOPBACK

WORKERS = 1
THREADS = 4


def create() -> Flask:
    """Creates the app."""
    app = Flask(__name__)

    @app.get("/")
    def hello() -> dict[str, str]:
        return {"hello": "world"}

    return app


if __name__ == "__main__":
    serve("bench.hello", Serving(LOOPBACK, int(sys.argv[1]), WORKERS, THREADS))
