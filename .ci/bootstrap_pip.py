"""Installs one pinned pip into the environment of the Python that runs this, where there is none.

    .venv/bin/python .ci/bootstrap_pip.py

A Debian without the package python3-venv makes environments without pip. This downloads the wheel that is
pinned below from the package index (PIP_INDEX_URL, or PyPI: the JSON form of PEP 691), compares its SHA-256,
and lets it install itself. Standard library only.
"""

# ruff: noqa: INP001 - a program of its own, in a folder that is no package

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urljoin
from urllib.request import Request, urlopen

WHEEL = "pip-26.3-py3-none-any.whl"
SHA256 = "f3b60b20ffaadd4415ed7957212a38ac63fa4c5fa375bd0f4a797777940fad13"
PYPI = "https://pypi.org/simple"
JSON_INDEX = "application/vnd.pypi.simple.v1+json"
TIMEOUT_SECONDS = 60


def fetch(url: str, accept: str) -> bytes:
    """Read a URL."""
    if not url.startswith(("https://", "http://")):  # the hash protects, not the way
        raise SystemExit(f"bootstrap_pip: {url} is no web address; set PIP_INDEX_URL to an index that is")
    try:
        # ruff: noqa: S310 - the scheme has just been checked
        with urlopen(Request(url, headers={"Accept": accept}), timeout=TIMEOUT_SECONDS) as answer:
            content: bytes = answer.read()
    except (URLError, OSError) as error:
        raise SystemExit(f"bootstrap_pip: cannot read {url} ({error})") from error
    return content


def wheel_url(index: str) -> str:
    """Find the wheel in the index."""
    page = f"{index.rstrip('/')}/pip/"
    try:
        files = json.loads(fetch(page, JSON_INDEX))["files"]
    except (ValueError, KeyError) as error:
        raise SystemExit(f"bootstrap_pip: {page} is not an index in JSON (PEP 691)") from error
    for file in files:
        if file["filename"] == WHEEL:
            return urljoin(page, str(file["url"]))
    raise SystemExit(f"bootstrap_pip: {page} does not offer {WHEEL}")


def main() -> int:
    """Download, compare, install."""
    content = fetch(wheel_url(os.environ.get("PIP_INDEX_URL", PYPI)), "*/*")
    if (found := hashlib.sha256(content).hexdigest()) != SHA256:
        raise SystemExit(f"bootstrap_pip: {WHEEL} has SHA-256 {found}, not {SHA256}: not installed")
    with tempfile.TemporaryDirectory() as folder:
        wheel = Path(folder) / WHEEL
        wheel.write_bytes(content)
        # A wheel is a zip file that Python can run from.
        command = [sys.executable, f"{wheel}/pip", "install", "--no-index", "--no-deps", str(wheel)]
        return subprocess.run(command, check=False).returncode  # noqa: S603 - the wheel has just been checked


if __name__ == "__main__":
    sys.exit(main())
