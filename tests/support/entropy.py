"""Entropy sources for tests: the product itself has only the operating system's."""

import hashlib
import itertools

from privacy.mechanism.entropy import EntropySource


def shake_entropy(seed: str) -> EntropySource:
    """Return a source of bytes that look random and are the same in every run: SHAKE-256 of the seed."""
    calls = itertools.count()
    return lambda count: hashlib.shake_256(f"{seed}/{next(calls)}".encode()).digest(count)


def scripted_entropy(script: bytes) -> EntropySource:
    """Return a source that reads out `script`, and begins again where it ends."""
    endless = itertools.cycle(script)
    return lambda count: bytes(itertools.islice(endless, count))
