"""What an image would hold of this project: the COPY lines of its Dockerfile, carried out in a folder.

No Docker engine is needed: these Dockerfiles copy plain files and folders, so a folder does.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
_REPORT: Final = """
import json, sys
packages = {name: name.partition(".")[0] for name in sys.modules}
own = [sys.modules[name].__file__ for name, package in packages.items() if package in ("api", "privacy")]
print(json.dumps({"files": own, "packages": sorted(set(packages.values()))}))
"""


@dataclass(frozen=True)
class Loaded:
    """What a program loaded: files of this project, relative to the image, and top-level packages."""

    files: frozenset[Path]
    packages: frozenset[str]


def instructions(dockerfile: Path) -> list[tuple[str, list[str]]]:
    """The instructions of the last stage: name and words; continued lines are joined."""
    joined = dockerfile.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line.split() for line in joined.splitlines() if line.strip() and not line.startswith("#")]
    last_stage = max(place for place, (name, *_) in enumerate(lines) if name == "FROM")
    return [(name, words) for name, *words in lines[last_stage:]]


def copy_files(dockerfile: Path, image: Path) -> list[Path]:
    """Carry out the COPY lines of the last stage that copy from the project.

    Args:
        dockerfile: its context is the project's root.
        image: an empty folder; stands for the working directory.

    Returns:
        The files that are there then, relative to `image`.
    """
    for name, words in instructions(dockerfile):
        if name == "COPY" and not words[0].startswith("--from"):
            *sources, target = words
            for source in sources:
                _copy(ROOT / source, image / target)
    return sorted(path.relative_to(image) for path in image.rglob("*") if path.is_file())


def run_in(image: Path, program: str, environment: Mapping[str, str]) -> Loaded:
    """Run a Python program that finds this project in the image alone, and tell what it loaded.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    done = subprocess.run(
        [sys.executable, "-P", "-c", f"import sys\nsys.path.insert(0, '.')\n{program}\n{_REPORT}"],
        cwd=image,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        check=True,
    )
    loaded = json.loads(done.stdout.splitlines()[-1])  # the program may have said something itself
    files = (Path(name).resolve().relative_to(image.resolve()) for name in loaded["files"])
    return Loaded(frozenset(files), frozenset(loaded["packages"]))


def _copy(source: Path, target: Path) -> None:
    """As Docker does: of a folder its content, of a file itself; without what `.dockerignore` leaves out."""
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        target.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
