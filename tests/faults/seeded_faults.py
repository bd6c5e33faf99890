"""Faults that were mended once, by name: a process in which one is seeded has it again."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final
from unittest.mock import patch

from privacy.store.clock import StoreClock
from privacy.tally import outbox_relay

WRITES_BEFORE_IT_CHECKS: Final = "writes before it checks"
TRUSTS_ITS_CLOCK: Final = "trusts its clock"


def _write_before_check() -> None:
    """Has the relay's script append the changes first, and find out then that another relay has done so."""
    script = outbox_relay._APPLY
    outbox_relay._APPLY = replace(script, source=_move_refusal_to_the_end(script.source))


def _move_refusal_to_the_end(source: str) -> str:
    """Returns a script that refuses as late as it can: it answers 0, after having written everything."""
    late = source.replace("return 0", "refused = 0").replace("return 1", "return refused or 1")
    assert late.count("refused") >= 2, "the script is written otherwise now: seed the fault in another way"
    return f"local refused\n{late}"


def _trust_the_wall_clock() -> None:
    """Has the process decide by its own wall clock, whatever store and uptime say."""
    patch.object(StoreClock, "__call__", lambda clock: clock.wall_clock()).start()


SEEDED_FAULTS: Final[Mapping[str, Callable[[], None]]] = MappingProxyType(
    {WRITES_BEFORE_IT_CHECKS: _write_before_check, TRUSTS_ITS_CLOCK: _trust_the_wall_clock}
)
