"""Prints the part of the lock file that some groups of `pyproject.toml` need, hashes and all.

    python docker/lock_subset.py requirements.lock pyproject.toml [extra ...]

Each image installs what its plane needs and nothing more, from the one lock file that everybody installs
from. The lock names, below each package, who asked for it (`# via`); this follows those lines from the
project's own requirements. Standard library only: it runs before anything is installed.
"""

# ruff: noqa: INP001 - a program of its own, in a folder that is no package

import re
import sys
import tomllib
from pathlib import Path

_PACKAGE = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^]]*\])?==")
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*")
_VIA = re.compile(r"^    #(?: via)?\s+(\S+)")


def subset(lock: str, pyproject: str, extras: list[str]) -> str:
    """Select from a lock file.

    Args:
        lock: content of a file that `uv pip compile --generate-hashes` wrote.
        pyproject: content of `pyproject.toml`.
        extras: optional dependencies to include.

    Raises:
        ValueError: an extra is not declared, or a requirement is not locked.
    """
    project = tomllib.loads(pyproject)["project"]
    groups = project["optional-dependencies"]
    if unknown := set(extras) - groups.keys():
        raise ValueError(f"extras: {sorted(unknown)} are not declared in pyproject.toml")
    wanted = [*project["dependencies"], *(line for extra in extras for line in groups[extra])]
    needed = {_name(line) for line in wanted}
    blocks = _blocks(lock)
    if missing := needed - {name for name, _ in blocks}:
        raise ValueError(f"lock: lacks {sorted(missing)}; write it again, as CONTRIBUTING.md says")
    askers = [(name, {_name(via) for via in _askers(block)}) for name, block in blocks]
    while grown := {name for name, vias in askers if vias & needed} - needed:
        needed |= grown
    return "".join(block for name, block in blocks if name in needed)


def _blocks(lock: str) -> list[tuple[str, str]]:
    """Name and text of each package; one package may have several, for different Pythons."""
    blocks: list[tuple[str, str]] = []
    for line in lock.splitlines(keepends=True):
        if package := _PACKAGE.match(line):
            blocks.append((_normal(package[1]), line))
        elif blocks:
            name, text = blocks.pop()
            blocks.append((name, text + line))
    return blocks


def _askers(block: str) -> list[str]:
    return [via[1] for line in block.splitlines() if (via := _VIA.match(line))]


def _name(requirement: str) -> str:
    found = _NAME.match(requirement)
    if not found:
        raise ValueError(f"{requirement!r}: names no package")
    return _normal(found[0])


def _normal(name: str) -> str:
    """As PEP 503 has it: one spelling for each name."""
    return re.sub(r"[-_.]+", "-", name).lower()


def main(arguments: list[str]) -> None:
    """Print the subset that the command line asks for."""
    lock, pyproject, *extras = arguments
    sys.stdout.write(subset(Path(lock).read_text(), Path(pyproject).read_text(), extras))


if __name__ == "__main__":
    main(sys.argv[1:])
