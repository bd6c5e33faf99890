"""All operations of the rights of people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from api.platform.rights import choices, erasures

if TYPE_CHECKING:
    from api.http.operation import Operation
    from api.platform.services import PlatformServices


def rights_operations() -> tuple[Operation[PlatformServices], ...]:
    """The operations, in the order in which the docs show them."""
    return (*erasures.operations(), *choices.operations())
