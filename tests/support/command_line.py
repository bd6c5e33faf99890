"""Runs `likewise` as a shell does: in this process, or as one of its own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any
from unittest.mock import patch

import requests

from api.cli.main import run
from tests.support.eventually import eventually
from tests.support.ports import free_port

ROOT = Path(__file__).parents[2]
_MAX_SECONDS = 120


def clean_environment(**extra: str) -> dict[str, str]:
    """This process's environment without anything that is Likewise's own, and with `extra`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LIKEWISE_")}
    return {**kept, "PYTHONPATH": str(ROOT), **extra}


def likewise(
    *arguments: str | Path, environment: Mapping[str, str] | None = None, folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, in this process: what a shell would see, without starting Python again.

    Args:
        arguments: of `likewise`.
        environment: the whole of it; a clean one if not given.
        folder: working folder.
    """
    given = [str(argument) for argument in arguments]
    out, err = (TextIOWrapper(BytesIO(), write_through=True) for _ in range(2))
    with (
        patch.dict(os.environ, environment or clean_environment(), clear=True),
        chdir(folder or ROOT),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        status = run(given)
    stdout, stderr = (stream.buffer.getvalue().decode() for stream in (out, err))
    return subprocess.CompletedProcess(given, status, stdout, stderr)


def likewise_process(
    *arguments: str | Path, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end as a process of its own, as a shell does.

    Args:
        arguments: of `likewise`.
        environment: the whole of it; a clean one if not given.
    """
    return subprocess.run(
        [sys.executable, "-m", "api.cli", *map(str, arguments)],
        env=environment or clean_environment(),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=_MAX_SECONDS,
        check=False,
    )


def answer_of(completed: subprocess.CompletedProcess[str]) -> Any:
    """Return the JSON that a command printed; it must have succeeded."""
    assert completed.returncode == 0, completed.stderr
    return json.loads(completed.stdout)


def port_options() -> tuple[str, ...]:
    """Return options of `likewise up` with two free ports."""
    platform, public = free_port(), free_port()
    return ("--platform-port", str(platform), "--public-port", str(public))


@dataclass
class System:
    """A running `likewise up`.

    Args:
        folder: its data folder.
        process: the supervisor.
        welcome: what it said when it was ready.
    """

    folder: Path
    process: subprocess.Popen[str]
    welcome: dict[str, Any]

    def read(self, path: str) -> requests.Response:
        """Ask the public plane."""
        headers = {"Authorization": f"Bearer {self.welcome['keys']['public']}"}
        return requests.get(f"{self.welcome['public_url']}{path}", headers=headers, timeout=10)

    def send(self, path: str, document: Any) -> requests.Response:
        """Post to the platform plane."""
        headers = {"Authorization": f"Bearer {self.welcome['keys']['platform']}"}
        url = f"{self.welcome['platform_url']}{path}"
        return requests.post(url, json=document, headers=headers, timeout=10)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end, and return its exit code."""
        self.process.send_signal(number)
        return self.process.wait(_MAX_SECONDS)


def start_up(
    folder: Path, *arguments: str | Path, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    """Start `likewise up --json` without waiting; its stderr goes to a file next to the folder."""
    with _errors(folder).open("w") as stderr:
        return subprocess.Popen(
            [
                *(sys.executable, "-m", "api.cli", "up", "--json", "--data-folder", str(folder)),
                *(*port_options(), *map(str, arguments)),
            ],
            env=dict(environment or clean_environment()),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )


@contextmanager
def up(
    folder: Path, *arguments: str | Path, environment: Mapping[str, str] | None = None
) -> Iterator[System]:
    """Start a whole system in a data folder, and wait until it is ready; end it if the test did not.

    Args:
        folder: the data folder.
        arguments: further ones of `likewise up`.
        environment: the whole of it; a clean one if not given.
    """
    process = start_up(folder, *arguments, environment=environment)
    try:
        yield System(folder, process, _read_welcome(process, _errors(folder)))
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(_MAX_SECONDS)
        if process.stdout:
            process.stdout.close()


def alive(pid: int) -> bool:
    """Return whether a process runs; one that has ended and waits to be collected does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def family(pid: int) -> set[int]:
    """A process and all that it has started, directly or not."""
    found = {pid}
    while True:
        children = {
            int(child)
            for parent in found
            for task in Path(f"/proc/{parent}/task").glob("*/children")
            for child in task.read_text().split()
        }
        if children <= found:
            return found
        found |= children


def all_gone(pids: set[int]) -> None:
    """Make sure that none of these processes runs any more, soon."""
    eventually(lambda: not any(map(alive, pids)), f"the end of {sorted(filter(alive, pids))}")


def _errors(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.errors")


def _read_welcome(process: subprocess.Popen[str], errors: Path) -> dict[str, Any]:
    """The JSON document that `up --json` writes; its last line is a closing brace by itself."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.rstrip() == "}":
            document: dict[str, Any] = json.loads("".join(lines))
            return document
    raise AssertionError(f"likewise up ended with {process.wait()}: {errors.read_text()}")
