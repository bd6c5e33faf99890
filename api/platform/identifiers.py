"""The identifiers of a batch, checked together."""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from privacy.model.identifier import IDENTIFIER_PATTERN, MAX_IDENTIFIER_CHARACTERS
from privacy.model.sandbox import TARGET_PREFIX

if TYPE_CHECKING:
    from collections.abc import Sequence

_ALLOWED = bytes(byte for byte in range(128) if re.fullmatch(IDENTIFIER_PATTERN, chr(byte)))
_OF_THE_SANDBOX = f"\n{TARGET_PREFIX}".encode()


def are_public_ids(*columns: Sequence[str]) -> bool:
    """Whether all of these are identifiers, none of them the sandbox's."""
    joined = "\n".join(["", *chain.from_iterable(columns), ""]).encode(errors="replace")
    joints = sum(map(len, columns)) + 1
    if joined.translate(None, _ALLOWED) != b"\n" * joints or _OF_THE_SANDBOX in joined:
        return False
    # There are no more line breaks than joints, so no text holds one, and each lies between two.
    breaks = np.flatnonzero(np.frombuffer(joined, np.uint8) == ord("\n"))
    lengths = np.diff(breaks) - 1
    return bool(((lengths > 0) & (lengths <= MAX_IDENTIFIER_CHARACTERS)).all())
