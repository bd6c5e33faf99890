"""The 32-bit code of one change of a count: a joint cell and the change in it."""

from privacy.model.dimension import JOINT_CODE_BITS

CHANGE_BITS = 32 - JOINT_CODE_BITS
GAINED = 0
"""The change code of +1; the code of −1 is the number of its `Reason`."""


def change_code(joint_code: int, change: int) -> int:
    """Pack a joint cell with `GAINED` or a reason's number.

    The vault's scripts do the same arithmetic; `privacy.release.marginals` unpacks the code.
    """
    return joint_code << CHANGE_BITS | change
