"""An import contract by allowlist, for import-linter: what some packages may import, and nothing else."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from importlinter import Contract, ContractCheck, fields, output

if TYPE_CHECKING:
    from grimp import ImportGraph


class MayImportOnly(Contract):
    """The source packages reach only the allowed ones, directly or by way of others.

    Fields of the contract:
        source_packages: with all modules below them.
        allowed_packages: of this project, each with all modules below it; the sources are allowed.
        allowed_distributions: top-level packages of other projects that are imported by name.
    """

    source_packages = fields.SetField(subfield=fields.StringField())
    allowed_packages = fields.SetField(subfield=fields.StringField())
    allowed_distributions = fields.SetField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: ARG002 - the interface's
        """Find every import of a module that is not allowed, made by one that is."""
        sources, allowed = set(self.source_packages), set(self.allowed_packages)  # type: ignore[call-overload]
        modules = {module for module in graph.modules if _lies_in(module, sources | allowed)}
        # The packages at the top are loaded with every package below them.
        modules |= {package.partition(".")[0] for package in sources | allowed}
        known = {"_typeshed", *self.allowed_distributions, *sys.stdlib_module_names}  # type: ignore[misc]
        found = sorted(
            (importer, imported)
            for importer in modules
            for imported in graph.find_modules_directly_imported_by(importer)
            if imported not in modules and imported.partition(".")[0] not in known
        )
        return ContractCheck(kept=not found, metadata={"found": found})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print every import that breaks the contract."""
        for importer, imported in check.metadata["found"]:
            output.print_error(f"{importer} imports {imported}, which is not on the list")


def _lies_in(module: str, packages: set[str]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)
