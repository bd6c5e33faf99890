"""Checks that the source of the release process returns what `os.urandom` returns, and nothing else."""

import os
import posix
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import BuiltinFunctionType
from typing import Final
from unittest.mock import patch

from api.runtime.release import run_release
from privacy.audit.check import Check
from privacy.audit.report_model import Finding, Section
from privacy.mechanism.entropy import EntropySource

READ_BYTES: Final = (*(32,) * 500, 1 << 20)
"""Sizes of the reads, in each of two threads."""


def source_check() -> Check:
    """Makes the check of the function that `run_release` hands to its workers."""

    def conclude(findings: Sequence[Sequence[Finding]]) -> Sequence[Section]:
        return [
            Section(
                "entropy-source",
                "The source of the release process returns what the operating system returns",
                "The function `entropy` that `run_release` (`api/runtime/release.py`) hands to its workers "
                "was read while every call of `os.urandom` was recorded, in the main thread and in another.",
                "A source with a seed, a generator of its own, a buffer, or bytes that are used twice; "
                "another function in the place of `os.urandom`.",
                "Certain for these reads. Two things are not shown by running. A line of code says that "
                "`run_release` hands this function on: its call of `make_release_workers`. Python's "
                "documentation says that `os.urandom` asks the kernel.",
                tuple(findings[0]),
            )
        ]

    return Check("entropy, the source", (_check_source,), conclude)


def _check_source() -> list[Finding]:
    # The name that the release process reads when it starts, not an import of the audit's own.
    source: EntropySource = run_release.__globals__["entropy"]
    return list(_findings(source))


def _findings(source: EntropySource) -> Iterator[Finding]:
    built_in = os.urandom is posix.urandom and isinstance(os.urandom, BuiltinFunctionType)
    yield Finding(
        "`os.urandom`",
        "the function that is built into Python",
        "it is" if built_in else f"it is {os.urandom!r}",
        built_in,
    )
    returned: set[bytes] = set()
    right = os.urandom

    def recorded(size: int) -> bytes:
        read = right(size)
        returned.add(read)
        return read

    with patch.object(os, "urandom", recorded), ThreadPoolExecutor(1) as thread:
        reads = [source(size) for size in READ_BYTES] + list(thread.map(source, READ_BYTES))
    other = sum(read not in returned for read in reads)
    equal = len(reads) - len(set(reads))
    short = sum(len(read) != size for read, size in zip(reads, 2 * READ_BYTES, strict=True))
    yield Finding(
        f"{len(reads):,} reads of the source that the release process draws from",
        "each is what one call of `os.urandom` returned, of the size asked for, and used once",
        f"{other:,} are of another origin, {short:,} of another size, {equal:,} equal another one",
        other == short == equal == 0,
    )
