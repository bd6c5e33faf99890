"""The wall in the code: what a public plane's process loads, the import contracts, and its image."""

import json
import os
import subprocess
import sys
from collections.abc import Collection, Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from privacy.audit.report_model import Finding, Section
from privacy.audit.wall_list import WallList

PROJECT: Final = Path(__file__).parents[2]
_SECONDS: Final = 120
_LOAD: Final = """
import importlib, json, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
print(json.dumps(sorted(sys.modules)))
"""
_CONTRACTS: Final = "from importlinter.cli import lint_imports_command; lint_imports_command()"


def code_section(wall: WallList) -> Section:
    """Checks the code of the public plane as it is installed here.

    Args:
        wall: the list that it must keep to.
    """
    loaded = load(plane_modules(wall))
    outside = wall.outside(loaded)
    # A listed distribution may load an optional package by itself, where one is installed.
    surplus = {name.partition(".")[0] for name in loaded - load(wall.distributions)}
    findings = [
        Finding(
            what=f"{package} in a public plane's process",
            required="on the wall's list",
            found="on the list" if allowed else "loaded, but not on the list",
            passed=allowed,
        )
        for package, allowed in _packages(wall, loaded, outside)
    ]
    findings += [
        Finding(
            what=f"{name} in a public plane's process",
            required="not loaded by any module of the plane",
            found="loaded" if name in surplus else "not loaded",
            passed=name not in surplus,
        )
        for name in sorted(wall.private_imports())
    ]
    # The contract type of the wall is with the tests, which no image holds.
    contracts = find_spec("importlinter") is not None and (PROJECT / "tests").is_dir()
    findings += _contracts() if contracts else ()
    return Section(
        key="wall-code",
        title="The wall: what the public plane's code can reach",
        tried="All modules of the public plane were loaded in a process of their own, and what it had loaded "
        "then was listed. "
        + (
            "The import contracts of pyproject.toml were tried on the whole source."
            if contracts
            else "The import contracts were NOT tried: that needs a checkout and import-linter."
        ),
        breaks="A module outside the list or a private distribution is loaded, or a contract is broken.",
        confidence="Exact. The process tells what is loaded; the contracts, what import statements could "
        "load, also indirectly, but not modules that are named at run time.",
        findings=tuple(findings),
    )


def image_section(wall: WallList, root: Path = PROJECT) -> Section | None:
    """Checks what the public image would hold; None where there is no Dockerfile, as inside an image.

    Args:
        wall: the list that it must keep to.
        root: of the source.
    """
    dockerfile = root / "docker" / "public.Dockerfile"
    if not dockerfile.exists():
        return None
    modules = {module_of(path) for path in copied_files(dockerfile, root)}
    command = (str(root / "docker" / "lock_subset.py"), str(root / "requirements.lock"))
    lock = _run(*command, str(root / "pyproject.toml")).stdout.splitlines()
    installed = {line.partition("==")[0] for line in lock if "==" in line and not line.startswith(" ")}
    findings = [
        Finding(
            what=f"{package} copied into the image",
            required="on the wall's list",
            found="on the list" if allowed else "copied, but not on the list",
            passed=allowed,
        )
        for package, allowed in _packages(wall, modules, wall.outside(modules))
    ]
    findings += [
        Finding(
            what=f"{name} installed in the image",
            required="absent",
            found="present" if name in installed else "absent",
            passed=name not in installed,
        )
        for name in sorted(wall.private_distributions)
    ]
    return Section(
        key="wall-image",
        title="The wall: what the public image holds",
        tried=f"The COPY lines of {dockerfile.name} were followed: {len(modules)} files of this project. The "
        f"part of the lock that it installs was worked out: {len(installed)} packages.",
        breaks="A module outside the list or a private distribution is in the image.",
        confidence="Exact for what the Dockerfile says; the image itself is not built here.",
        findings=tuple(findings),
    )


def plane_modules(wall: WallList) -> list[str]:
    """Returns the names of all modules of the public plane."""
    folders = (PROJECT / package.replace(".", "/") for package in wall.sources)
    return sorted(module_of(file.relative_to(PROJECT)) for folder in folders for file in folder.rglob("*.py"))


def load(names: Iterable[str]) -> set[str]:
    """Returns the names of all modules that a fresh process has loaded after importing the given ones."""
    return set(json.loads(_run("-c", _LOAD, *names).stdout))


def copied_files(dockerfile: Path, root: Path) -> list[Path]:
    """Returns the Python files that the last stage copies from the project, relative to its root."""
    lines = dockerfile.read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    last_stage = max(index for index, line in enumerate(lines) if line.startswith("FROM "))
    found: set[Path] = set()
    for line in lines[last_stage:]:
        word, *arguments = line.split() or [""]
        if word == "COPY" and not arguments[0].startswith("--from"):
            for source in arguments[:-1]:
                path = root / source
                found |= set(path.rglob("*.py")) if path.is_dir() else {path}
    return sorted(path.relative_to(root) for path in found)


def _contracts() -> Iterator[Finding]:
    """Yields the result of each import contract."""
    ran = _run("-c", _CONTRACTS, "--no-cache", check=False)
    results = [line for line in ran.stdout.splitlines() if line.endswith((" KEPT", " BROKEN"))]
    for line in results:
        name, _, result = line.rpartition(" ")
        yield Finding(f"contract: {name}", "kept", result.lower(), result == "KEPT")
    if not results or ran.returncode:
        yield Finding("import contracts", "all kept", f"exit code {ran.returncode}", passed=False)


def _run(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(PROJECT), "COLUMNS": "300"}
    return subprocess.run(  # noqa: S603 - our own interpreter and programs
        [sys.executable, *arguments],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=check,
    )


def _packages(wall: WallList, modules: set[str], outside: Collection[str]) -> Iterator[tuple[str, bool]]:
    """Yields every package of this project that has one of the modules, and whether they are listed."""
    names = {".".join(module.split(".")[:2]) for module in modules if module.partition(".")[0] in wall.roots}
    for name in sorted(names - wall.roots):
        yield name, not any(module == name or module.startswith(f"{name}.") for module in outside)


def module_of(path: Path) -> str:
    """Returns the name of the module in a file, whose path is relative to the project."""
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")
