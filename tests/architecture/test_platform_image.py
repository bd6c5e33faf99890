"""What the platform plane's image holds: enough to take events in, nothing to measure or to read with."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests.support.dockerfile import ROOT, copy_files, run_in

DOCKERFILE: Final = ROOT / "docker" / "platform.Dockerfile"
FOREIGN_PATHS: Final = (
    *("privacy/mechanism/", "privacy/release/", "privacy/gallery/reader", "privacy/tally/series"),
    *("privacy/tally/relay", "privacy/store/embedded", "api/public/", "api/web/"),
)
# The store is asked only by `create`; what is packaged beside the code (scripts, the policy) is read here.
PROGRAM: Final = """
import api.cli.__main__
from api.cli.main import run
assert run(["platform", "--help"]) == 0
from privacy.policy.file import load_policy
assert load_policy().version
"""


def test_it_takes_events_in_and_measures_nothing(tmp_path: Path) -> None:
    """The plane loads from these files alone, needs all but some of `api/http`, and draws no noise."""
    copied = copy_files(DOCKERFILE, tmp_path)
    loaded = run_in(tmp_path, PROGRAM, {})
    assert not [path for path in copied if path.as_posix().startswith(FOREIGN_PATHS)]
    modules = {path for path in copied if path.suffix == ".py"}
    assert {path for path in loaded.files if not path.match("api/http/*")} == {
        path for path in modules if not path.match("api/http/*")
    }
    assert not {"diffprivlib", "scipy", "sklearn"} & loaded.packages
