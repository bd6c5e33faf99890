"""Faults that were mended once, by name: a process in which one is seeded has it again."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final
from unittest.mock import patch

from privacy.store.clock import StoreClock
from privacy.tally import outbox_relay
from privacy.vault import registers, shards

WRITES_BEFORE_IT_CHECKS: Final = "writes before it checks"
TRUSTS_ITS_CLOCK: Final = "trusts its clock"
CHECKS_NO_RIGHTS: Final = "checks no rights"
_ANYTHING_GOES: Final = """\
local redis = setmetatable({ acl_check_cmd = function() return true end }, { __index = redis })
"""


def _write_before_check() -> None:
    """Has the relay's script append the changes first, and find out then that another relay has done so."""
    script = outbox_relay._APPLY
    outbox_relay._APPLY = replace(script, source=_move_refusal_to_the_end(script.source))


def _move_refusal_to_the_end(source: str) -> str:
    """Returns a script that refuses as late as it can: it answers 0, after having written everything."""
    late = source.replace("return 0", "refused = 0").replace("return 1", "return refused or 1")
    assert late.count("refused") >= 2, "the script is written otherwise now: seed the fault in another way"
    return f"local refused\n{late}"


def _check_no_rights() -> None:
    """Has the script that records events find out what it may not do in the middle of its writes."""
    script = registers._RECORD
    registers._RECORD = replace(script, source=_ANYTHING_GOES + script.source)


def _trust_the_wall_clock() -> None:
    """Has the process decide by its own wall clock, whatever store and uptime say, and no script object."""
    patch.object(StoreClock, "__call__", lambda clock: clock.wall_clock()).start()
    patch.object(shards, "MAX_DEVIATION_MS", 1 << 50).start()


SEEDED_FAULTS: Final[Mapping[str, Callable[[], None]]] = MappingProxyType(
    {
        WRITES_BEFORE_IT_CHECKS: _write_before_check,
        TRUSTS_ITS_CLOCK: _trust_the_wall_clock,
        CHECKS_NO_RIGHTS: _check_no_rights,
    }
)
