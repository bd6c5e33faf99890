"""The command line under attack: each line of the tables is an input with its exit code and words.

To add an attack, add a line. Nothing may end in a traceback, show a control character, or repeat a key.
"""

import io
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Final, TextIO
from unittest.mock import patch

import click
import pytest
import yaml

from api.cli.commands.up import is_ready
from api.cli.main import run
from api.cli.parameters import STDOUT, OutputFile
from api.http.command import ExitCode, run_command
from api.http.terminal import make_harmless, make_harmless_json
from api.runtime import http_exchange
from api.runtime.child import Child, Program
from api.runtime.http_exchange import UnknownServerError, parse_server_url
from api.runtime.platform_answers import PROMISED
from api.runtime.platform_client import NDJSON, PlatformClient
from api.runtime.supervisor import Supervisor
from privacy.errors import InvalidInputError, StoreBusyError, StoreError, UnwritableError
from privacy.model.timestamp import format_timestamp, parse_timestamp_ms
from privacy.store.credentials import write_private
from tests.attacks.command_line_table import ATTACKS, HEAD, HELLO, KEY, NOTE, NOWHERE, SERVERS, STAFF, Attack
from tests.attacks.servers import answering
from tests.support.command_line import ROOT, clean_environment, likewise

ACTS_ON_TERMINALS: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def check(completed: subprocess.CompletedProcess[str], exit_code: int, says: str) -> None:
    """Checks an exit code, words, and what must never be written."""
    written = completed.stdout + completed.stderr
    assert (completed.returncode, "Traceback" in written) == (exit_code, False), written
    assert says in " ".join(written.split()), written
    assert KEY not in written
    assert not ACTS_ON_TERMINALS.search(written), written


@pytest.mark.parametrize(
    "attack", ATTACKS, ids=lambda attack: attack.name[:60].encode("unicode_escape").decode()
)
def test_an_input_of_the_command_line(attack: Attack, tmp_path: Path) -> None:
    """It has its exit code and its words; no traceback, no control character, no key."""
    for name, content in attack.files.items():
        (tmp_path / name).write_bytes(content)
    arguments = [argument.replace("{folder}", str(tmp_path)) for argument in attack.arguments]
    completed = likewise(*arguments, environment=clean_environment(**attack.environment))
    check(completed, attack.exit_code, attack.says)


@pytest.mark.parametrize(("name", "answer", "exit_code", "says"), SERVERS, ids=[line[0] for line in SERVERS])
def test_a_wrong_server(name: str, answer: bytes, exit_code: int, says: str) -> None:
    """Whatever answers behind --platform-url, the command ends with a sentence."""
    with answering(answer) as url:
        completed = likewise("moderation", "job", "1", "--key", KEY, "--platform-url", url)
    assert name
    check(completed, exit_code, says)


@pytest.mark.parametrize(
    "arguments",
    [
        ("rights", "erase", "a-1", "--yes"),
        ("rights", "erase", "a-1", "--child", "--yes"),
        ("rights", "object", "a-1"),
        ("rights", "opt-out", "a-1"),
        ("moderation", "account", "ban", "a-1"),
        ("moderation", "takedown", "restore", "--video", "v-1"),
        ("moderation", "engagements", "restore", "{folder}/ring.csv", "--kind", "like"),
        (
            "moderation",
            "resync",
            "a-1",
            "{folder}/likes.txt",
            "--kind",
            "like",
            "--as-of",
            "2026-05-03T12:00:00Z",
        ),
        ("moderation", "purge", "{folder}/bots.txt"),
        ("moderation", "job", "1"),
        ("moderation", "job", "1", "--json"),
        ("moderation", "purge", "{folder}/bots.txt", "--no-wait", "--json"),
        ("moderation", "jobs"),
        ("moderation", "advisories"),
        ("moderation", "audit-trail"),
    ],
    ids=" ".join,
)
def test_an_answer_without_what_its_operation_promises(arguments: tuple[str, ...], tmp_path: Path) -> None:
    """A server that says `{}` to everything is no plane, and nothing was done there."""
    (tmp_path / "ring.csv").write_text("account_id,video_id\na-1,v-1\n")
    (tmp_path / "likes.txt").write_text("v-1\n")
    (tmp_path / "bots.txt").write_text("a-1\n")
    given = [argument.replace("{folder}", str(tmp_path)) for argument in arguments]
    note = NOTE if arguments[1] not in ("job", "jobs", "advisories", "audit-trail") else ()
    with answering(HEAD + b"Content-Length: 2\r\n\r\n{}") as url:
        completed = likewise(*given, *note, "--key", KEY, "--platform-url", url)
    check(completed, ExitCode.WRONG_USAGE, "--platform-url")


def test_the_promised_members_are_those_of_the_description() -> None:
    """Each answer is checked for all members that openapi.yaml requires, with their types."""
    described = yaml.load((ROOT / "openapi.yaml").read_text(), Loader=yaml.CSafeLoader)
    kinds = {"string": str, "integer": int, "boolean": bool, "array": list}
    for path, promised in PROMISED.items():
        answer = described["paths"][path]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
        name = answer["$ref"].rpartition("/")[2]
        schema = described["components"]["schemas"][name]
        assert promised == {name: kinds[schema["properties"][name]["type"]] for name in schema["required"]}


CLOSED: Final = (
    *((f"api.cli policy check absent.toml {closed}") for closed in (">&-", ">&- 2>&-", "<&- >&-")),
    *("api.cli up >&-", "api.cli relay >&-", "api.platform >&-", "api.public >&- 2>&-"),
)


@pytest.mark.parametrize("command", CLOSED)
def test_a_closed_output_ends_a_command_before_it_does_anything(command: str, tmp_path: Path) -> None:
    """What a command would print, as a new key, has nowhere to go, but into its own sockets."""
    completed = subprocess.run(
        ["/bin/sh", "-c", f'"$0" -m {command}', sys.executable],
        env=clean_environment(),
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    said = "" if "2>" in command else "likewise: cannot write the output: standard output is closed.\n"
    assert (completed.returncode, completed.stderr) == (ExitCode.MACHINE_ERROR, said)
    assert [*tmp_path.iterdir()] == []


def test_a_greeting_before_an_answer_is_read_over() -> None:
    """A server may say that it goes on before it answers."""
    with answering(HELLO * 3 + HEAD + b"\r\n{}") as url:
        assert PlatformClient(url, KEY).get("/v1/jobs/1") == {}


def test_a_server_that_greets_without_an_end() -> None:
    """It is given up, not heard until the time for an answer is over."""
    with (
        answering(HELLO, drip=HELLO) as url,
        pytest.raises(UnknownServerError, match="does not speak HTTP, or not to its end"),
    ):
        PlatformClient(url, KEY, answer_seconds=20).get("/v1/jobs/1")


def test_a_server_that_never_ends() -> None:
    """The time for an answer bounds a server that goes on sending a little."""
    with answering(HEAD + b"\r\n", drip=b" ") as url, pytest.raises(StoreBusyError, match="takes too long"):
        PlatformClient(url, KEY, answer_seconds=0.2).get("/v1/jobs/1")


def test_a_server_that_sends_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    """The size of an answer is bounded."""
    monkeypatch.setattr(http_exchange, "MAX_ANSWER_BYTES", 100)
    with answering(HEAD + b"\r\n", drip=b" " * 50) as url, pytest.raises(UnknownServerError, match="MiB"):
        PlatformClient(url, KEY, answer_seconds=20).get("/v1/jobs/1")


def test_an_early_refusal_of_a_large_upload_is_read() -> None:
    """A plane that answers and closes before the body has arrived is heard."""
    refusal = b"HTTP/1.1 401 No\r\nContent-Type: application/problem+json\r\n\r\n"
    with (
        answering(refusal + b'{"detail":"The key is old."}', reads=False) as url,
        pytest.raises(InvalidInputError, match="The key is old"),
    ):
        PlatformClient(url, KEY).send("/v1/events", bytes(8 * 1024 * 1024), NDJSON)


READY: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (READY + b'{"status":"ok"}', True),
        (READY + b"<h1>It works!", False),
        (READY + b"{}", False),
        (READY + b"[" * 100_000, False),
        (b"HTTP/1.1 302 Found\r\nLocation: /login\r\n\r\n", False),
        (b"SSH-2.0-OpenSSH_9.2\r\n", False),
    ],
)
def test_only_a_plane_is_ready(answer: bytes, expected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program on the port, or a proxy before it, does not make `likewise up` say that it is ready."""
    monkeypatch.setenv("http_proxy", NOWHERE)
    with answering(answer) as url:
        assert is_ready("--public-port", url) is expected


class EndedChild(Child):
    """A child that has ended."""

    def __init__(self) -> None:
        super().__init__(Program("plane", (), {}), Path(), lambda: 0.0)

    def start(self) -> None:
        """Starts nothing."""

    def report_exit(self) -> str:
        """Returns how it ended."""
        return "plane ended with exit code 2"


def test_a_system_whose_plane_has_ended_is_not_ready() -> None:
    """Whatever answers on the port then belongs to another system."""
    supervisor = Supervisor([EndedChild()], [], lambda _seconds: False, print, lambda: 0.0, lambda: None)
    with pytest.raises(StoreError, match="exit code 2"):
        supervisor.start(lambda: True, 1.0)


ANSWERS: Final = (("y\n", ExitCode.STORE_ERROR), ("n\n", ExitCode.WRONG_USAGE), ("", ExitCode.WRONG_USAGE))


@pytest.mark.parametrize(("answer", "exit_code"), ANSWERS)
def test_an_erasure_asks_first(answer: str, exit_code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal, only yes goes on; the question names the account."""
    terminal = io.StringIO(answer)
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", terminal)
    completed = likewise("rights", "erase", "-a2001", *NOTE, *STAFF)
    check(completed, exit_code, "Erase the account -a2001 for good? [y/N]")


def test_a_dash_is_stdout_and_a_file_may_have_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`./-` names the file; trying whether it can be written leaves nothing."""
    monkeypatch.chdir(tmp_path)
    for is_private in (False, True):
        output = OutputFile(is_private=is_private, may_be_stdout=True)
        assert output.convert("-", None, None) == STDOUT
        assert output.convert("./-", None, None) == tmp_path / "-"
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: path.symlink_to("/dev/null"), os.mkfifo])
def test_a_private_file_replaces_regular_files_only(make: Callable[[Path], None], tmp_path: Path) -> None:
    """A pipe, a folder, or a link to a device stays what it is."""
    make(tmp_path / "file")
    before = (tmp_path / "file").lstat()
    with pytest.raises(StoreError, match="no regular file"):
        write_private(tmp_path / "file", "text")
    assert (tmp_path / "file").lstat() == before
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("host", "proxy"), [("plane.example", "proxy.example"), ("localhost", ""), ("kept.example", "")]
)
def test_https_alone_goes_through_a_proxy(host: str, proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And never on loopback, nor to a host that the environment excludes."""
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", "kept.example")
    secure = http_exchange.connect_to(parse_server_url("--platform-url", f"https://{host}"), 1.0)
    plain = http_exchange.connect_to(parse_server_url("--platform-url", f"http://{host}"), 1.0)
    assert (secure.host, plain.host) == (proxy or host, host)


def run_into(stream: TextIO, *arguments: str) -> tuple[int, str]:
    """Runs a command whose stdout is a stream; returns the exit code and stderr."""
    errors = io.StringIO()
    with (
        patch.dict(os.environ, clean_environment(), clear=True),
        redirect_stdout(stream),
        redirect_stderr(errors),
    ):
        return run(arguments), errors.getvalue()


def closed_pipe() -> TextIO:
    """Returns a pipe whose reader has left, as `| head` does."""
    reader, writer = os.pipe()
    os.close(reader)
    return os.fdopen(writer, "w")


@pytest.mark.parametrize("arguments", [("policy", "show"), ("policy", "show", "--json"), ("--help",)])
@pytest.mark.parametrize(
    ("open_stream", "exit_code", "says"),
    [
        (lambda: open("/dev/full", "w"), ExitCode.MACHINE_ERROR, "cannot write the output: No space left"),  # noqa: PTH123, SIM115 - a stream
        (closed_pipe, 141, ""),
    ],
    ids=["a full device", "a reader that left"],
)
def test_output_that_cannot_be_written(
    open_stream: Callable[[], TextIO], exit_code: int, says: str, arguments: tuple[str, ...]
) -> None:
    """A full device is a sentence; a reader that left needs none."""
    with open_stream() as stream:
        found, errors = run_into(stream, *arguments)
    assert (found, "Traceback" in errors, says in errors) == (exit_code, False, True)
    assert bool(errors) is bool(says)


@pytest.mark.parametrize("arguments", [("policy", "show"), ("policy", "show", "--json")])
def test_a_terminal_without_unicode(arguments: tuple[str, ...]) -> None:
    """What ASCII lacks is shown as an escape, and JSON stays JSON."""
    raw = io.BytesIO()
    with io.TextIOWrapper(raw, encoding="ascii", write_through=True) as stream:
        assert run_into(stream, *arguments) == (ExitCode.OK, "")
        assert len(raw.getvalue().decode("ascii")) > 1_000


def test_an_interrupt_in_the_first_moment_ends_in_silence() -> None:
    """Ctrl-C while the program is still imported ends it by the signal, without a traceback."""
    program = (
        "import os, signal, sys\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell's background job ignores it
        "class Interrupt:\n"
        "    def find_spec(self, name, *rest):\n"
        "        if name == 'api.cli.main': os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupt())\n"
        "from api.cli.__main__ import main; main()"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stderr) == (-signal.SIGINT, "")


@pytest.mark.parametrize(
    ("error", "exit_code", "says"),
    [
        (KeyboardInterrupt(), 130, ""),
        (EOFError(), 2, "ends early"),
        (RecursionError(), 2, "nested too deeply"),
        (MemoryError(), 5, "not enough memory"),
        (PermissionError(13, "Permission denied", "/x"), 5, "/x: Permission denied"),
        (UnwritableError("cannot write /x: No space left on device"), 5, "cannot write /x: No space"),
        (ValueError(KEY), 70, "a defect: ValueError"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_a_failure_of_any_kind_has_one_sentence(
    error: BaseException, exit_code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Even a defect is one line, and repeats nothing."""

    @click.command()
    def fail() -> None:
        raise error

    assert run_command(fail, [], "likewise") == exit_code
    written = capsys.readouterr().err
    assert says in written
    assert KEY not in written
    assert "Traceback" not in written


@pytest.mark.parametrize(
    "character", ["\x00", "\x07", "\x1b", "\r", "\x7f", "\x9b", "\u202e", "\u2066", "\udcff"]
)
def test_control_characters_are_shown_escaped(character: str) -> None:
    """As text and as JSON, and text that was made harmless stays as it is."""
    shown = make_harmless(f"a{character}b\n\tc é 👩‍👩‍👧")
    assert character not in shown
    assert shown.endswith("b\n\tc é 👩‍👩‍👧")
    assert make_harmless(shown) == shown
    assert character not in make_harmless_json(f'"{character}"')


def test_the_end_of_time() -> None:
    """A restriction may end after the year 9999 in UTC; it is shown as the last moment that has a name."""
    beyond = parse_timestamp_ms("9999-12-31T23:59:59.999-12:00")
    assert format_timestamp(beyond) == "9999-12-31T23:59:59.999Z"
    assert format_timestamp(parse_timestamp_ms("9999-12-31T23:59:59Z")) == "9999-12-31T23:59:59Z"
