"""The wall's list: what the public plane may reach, as the import contract `wall` of pyproject.toml has it.

The list is nowhere else: the audit, the test of loaded modules and the tests of the images read it from here.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Final

from privacy.errors import InvalidInputError

_CONTRACT: Final = "wall"
_PRIVATE_EXTRAS: Final = ("private", "platform", "embedded")
_NAME: Final = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True)
class WallList:
    """What lies on the public side of the wall.

    Args:
        sources: packages of the public plane itself.
        packages: all packages of this project that it may load, with its own.
        distributions: import names of other projects' packages that its code may import.
        private_distributions: distributions that only the other planes may install.
        roots: top-level packages of this project.
    """

    sources: frozenset[str]
    packages: frozenset[str]
    distributions: frozenset[str]
    private_distributions: frozenset[str]
    roots: frozenset[str]

    @classmethod
    def read(cls, pyproject: Path) -> WallList:
        """Reads the list.

        Args:
            pyproject: the file pyproject.toml.

        Raises:
            InvalidInputError: there is no such file.
        """
        try:
            document = tomllib.loads(pyproject.read_text(encoding="utf-8"))
        except OSError as error:
            raise InvalidInputError(
                "pyproject.toml",
                f"cannot be read ({error.strerror}), and it has the wall's list",
                "run this in a checkout or in the private image",
            ) from error
        linter, project = document["tool"]["importlinter"], document["project"]
        (contract,) = (contract for contract in linter["contracts"] if contract["id"] == _CONTRACT)
        extras = project["optional-dependencies"]
        private = {_normal(line) for extra in _PRIVATE_EXTRAS for line in extras[extra]}
        return cls(
            sources=frozenset(contract["source_packages"]),
            packages=frozenset((*contract["source_packages"], *contract["allowed_packages"])),
            distributions=frozenset(contract["allowed_distributions"]),
            private_distributions=frozenset(private - {_normal(line) for line in project["dependencies"]}),
            roots=frozenset(linter["root_packages"]),
        )

    def outside(self, modules: Iterable[str]) -> list[str]:
        """Returns the modules of this project that lie in no listed package."""
        return sorted(
            module
            for module in modules
            if module.partition(".")[0] in self.roots - {module}
            and not any(module == package or module.startswith(f"{package}.") for package in self.packages)
        )

    def private_imports(self) -> frozenset[str]:
        """Returns the import names of the private distributions that are installed here."""
        return frozenset(
            name
            for name, distributions in packages_distributions().items()
            # Some distributions install their tests by that name, too.
            if name != "tests" and self.private_distributions & set(map(_normal, distributions))
        )


def _normal(requirement: str) -> str:
    """Returns the name of a requirement, as PEP 503 spells it."""
    found = _NAME.match(requirement)
    return re.sub(r"[-_.]+", "-", found[0]).lower() if found else ""
