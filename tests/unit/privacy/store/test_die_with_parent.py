"""The small program that ties a child to its parent."""

import os
import subprocess
import sys
import threading

from privacy.store import die_with_parent

SCRIPT = [sys.executable, "-I", "-S", die_with_parent.__file__]


def test_it_becomes_the_other_program() -> None:
    """The command runs under the same process id, with its arguments."""
    child = subprocess.Popen(
        [*SCRIPT, str(os.getpid()), "/bin/sh", "-c", "echo $$ $0", "argument"],
        stdout=subprocess.PIPE,
        text=True,
    )
    said, _ = child.communicate()
    assert said == f"{child.pid} argument\n"


def test_it_does_not_start_for_a_parent_that_is_gone() -> None:
    """A starter that ended before the promise was made is noticed."""
    done = subprocess.run([*SCRIPT, "1", "/bin/echo", "ran"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "ran" not in done.stdout
    assert "has ended" in done.stderr


def test_the_program_ends_with_the_thread_that_started_it() -> None:
    """The kernel's promise survives exec, and is tied to a thread."""
    children: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        child = subprocess.Popen(
            [*SCRIPT, str(os.getpid()), "/bin/sh", "-c", "echo ready; exec sleep 600"], stdout=subprocess.PIPE
        )
        children.append(child)
        assert child.stdout is not None
        child.stdout.readline()

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    with children[0] as child:
        assert child.wait(60) == -15
