"""What tests of the ledger share."""

from __future__ import annotations

from hashlib import sha256
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def counting_entropy() -> Callable[[int], bytes]:
    """Different bytes at each call, the same ones in each run: for keys that protect nothing."""
    numbers = count()
    return lambda size: sha256(b"test %d" % next(numbers)).digest()[:size]


COUNTING_ENTROPY = counting_entropy()
