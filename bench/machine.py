"""What the figures were measured on: they mean little without it."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

_GIB = 1024**3


@dataclass(frozen=True)
class Machine:
    """The machine's size, and how busy others kept it.

    Args:
        cores: that this process may use.
        processor: as the kernel names it.
        memory_gib: physical memory.
        system: kernel and release.
        python: version.
        load: the load average of the last minute; above zero before a run, others use the cores too.
    """

    cores: int
    processor: str
    memory_gib: float
    system: str
    python: str
    load: float

    @classmethod
    def this(cls) -> Machine:
        """The machine that this runs on, now."""
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
