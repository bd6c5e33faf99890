"""The 32-bit code of one change of a count: a joint cell and what happened in it."""

from __future__ import annotations

from privacy.model.dimension import JOINT_CODE_BITS

CHANGE_BITS = 32 - JOINT_CODE_BITS
GAINED = 0
"""The change code of +1; −1 carries the number of its `Reason` instead."""


def change_code(joint_code: int, change: int) -> int:
    """Pack a joint cell with `GAINED` or a reason's number.

    The vault's script does the same arithmetic; `privacy.release.marginals` takes it apart.
    """
    return joint_code << CHANGE_BITS | change
