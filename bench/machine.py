"""Describes the machine on which the figures were measured."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

_GIB = 1024**3


@dataclass(frozen=True)
class Machine:
    """The machine's size and load.

    Args:
        cores: usable by this process.
        processor: name reported by the kernel.
        memory_gib: physical memory.
        system: kernel and release.
        python: version.
        load: load average of the last minute; above zero before a run, other processes use the cores, too.
    """

    cores: int
    processor: str
    memory_gib: float
    system: str
    python: str
    load: float

    @classmethod
    def current(cls) -> Machine:
        """Describes the current machine."""
        return cls(
            cores=len(os.sched_getaffinity(0)),
            processor=_processor(),
            memory_gib=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / _GIB, 1),
            system=f"{platform.system()} {platform.release()}",
            python=platform.python_version(),
            load=round(os.getloadavg()[0], 2),
        )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()
