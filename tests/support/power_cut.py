"""A redis-server whose power can be cut: whatever was not fsynced is gone.

What is modelled: the content of the files of the AOF. After a cut each of them ends where its last completed
fsync or fdatasync began to look, or at a random byte past that: a disk may have kept some of the rest. What
is not: files are taken to exist, under their latest names, as soon as they are made or renamed (Redis fsyncs
its folder after each rename of the manifest), and a disk is taken to keep what it was asked to keep.
"""

import os
import random
import shlex
import signal
import struct
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from privacy.embedded.server import EmbeddedRedis, redis_server_program
from privacy.store.users import USERS
from tests.support.redis_server import ROOT

_SOURCE = Path(__file__).with_name("durable_sizes.c")
_RECORD = struct.Struct("<QQ")


def build_shim(folder: Path, source: Path = _SOURCE) -> Path:
    """Compile a library to preload; the compiler comes from a package, as the machine may have none."""
    library = folder / f"{source.stem}.so"
    # -nostdlib: redis-server brings the C library along, and the compiler need not build one of its own.
    options = ("-shared", "-fPIC", "-nostdlib", "-O1", "-Wall", "-Werror")
    caches = {"ZIG_GLOBAL_CACHE_DIR": str(folder / "zig"), "ZIG_LOCAL_CACHE_DIR": str(folder / "zig")}
    command = [sys.executable, "-m", "ziglang", "cc", *options, "-o", str(library), str(source)]
    subprocess.run(command, check=True, env={**os.environ, **caches})
    return library


def write_preloaded_program(path: Path, shim: Path, **variables: object) -> Path:
    """Write a program that is redis-server with a library in it; returns its path."""
    words = [f"LD_PRELOAD={shim}", *(f"{name}={value}" for name, value in variables.items())]
    command = shlex.join(["env", *words, str(redis_server_program())])
    path.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    path.chmod(0o700)
    return path


@dataclass(frozen=True)
class PowerCut:
    """A server with the shim in it.

    Args:
        folder: for data and notes.
        shim: what `build_shim` made.
    """

    folder: Path
    shim: Path

    @cached_property
    def server(self) -> EmbeddedRedis:
        """The product's embedded server, with the shim preloaded."""
        program = self.folder / "redis-server-with-shim"
        write_preloaded_program(program, self.shim, DURABLE_SIZES=self._notes)
        return EmbeddedRedis(self.folder / "redis", users=(*USERS, ROOT), program=program)

    def cut(self, rng: random.Random | None = None) -> int:
        """End the server at once, take away what was not on disk, start it again; bytes lost.

        Args:
            rng: chooses how much of what was not asked to be on disk is there all the same; nothing if None.
        """
        os.kill(self.server.pid, signal.SIGKILL)
        self.server.stop()
        lost = self._take_away(rng)
        self.server.start()
        return lost

    def _take_away(self, rng: random.Random | None) -> int:
        durable = self._durable_sizes()
        lost = 0
        for path in (self.server.folder / "appendonlydir").iterdir():
            status = path.stat()
            kept = min(durable.get(status.st_ino, 0), status.st_size)
            if rng:
                kept = rng.randint(kept, status.st_size)
            lost += status.st_size - kept
            os.truncate(path, kept)
        return lost

    def _durable_sizes(self) -> Mapping[int, int]:
        """By inode; the latest record counts, as a file may be made smaller."""
        return dict(_RECORD.iter_unpack(self._notes.read_bytes()))

    @property
    def _notes(self) -> Path:
        return self.folder / "durable-sizes"
