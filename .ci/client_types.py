"""Writes the types of the Python client from openapi.yaml; with --check, says whether they are current.

python .ci/client_types.py [--check]
"""

# ruff: noqa: INP001 - a program of its own, in a folder that is no package

import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
DESCRIPTION = ROOT / "openapi.yaml"
TYPES = ROOT / "clients" / "python" / "likewise_client" / "types.py"
HEAD = '"""Types of the answers, generated from openapi.yaml by `make client-types`."""\n\n'
OPTIONS = (
    *("--input-file-type", "openapi", "--output-model-type", "typing.TypedDict"),
    *("--target-python-version", "3.11", "--use-union-operator", "--use-standard-collections"),
    *("--use-double-quotes", "--disable-timestamp", "--formatters", "builtin"),
)


def generate() -> str:
    """Return the module that openapi.yaml describes."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "types.py"
        command = [sys.executable, "-m", "datamodel_code_generator", "--input", str(DESCRIPTION)]
        command += ["--output", str(output), *OPTIONS]
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - our own words alone
        text = output.read_text(encoding="utf-8")
    # Closed types are of typing_extensions; those of the standard library are open.
    text = re.sub(r",\s*closed=True", "", text).replace("typing_extensions", "typing")
    _, _, body = text.partition("from __future__")
    return f"{HEAD}from __future__{body}"


def main(arguments: list[str]) -> int:
    """Write or check the file; returns the exit code."""
    text = generate()
    if arguments != ["--check"]:
        TYPES.write_text(text, encoding="utf-8")
        return 0
    if TYPES.read_text(encoding="utf-8") == text:
        return 0
    sys.stderr.write(f"{TYPES.relative_to(ROOT)} is not what openapi.yaml describes: run make client-types\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
