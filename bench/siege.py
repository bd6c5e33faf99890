"""`siege`: measures intake and reads while many clients are slow, silent, or do not read."""

import socket
import struct
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Final

from bench.deployment import BATCH, LOOPBACK, start_deployment
from bench.figure import Bar, Figure, Measure, ProgressCallback
from bench.http_load import build_request
from bench.ingest import Requests
from bench.interference import Load, compare, measure_interference
from bench.reads import release_all, repeat_reads
from privacy.store.users import Process

SHARE_LEFT: Final = 0.8
SLOW_BODIES: Final = 100
SILENT: Final = 1_100
UNREAD: Final = 100
HELD_SECONDS: Final = 6.0
_HEALTH_SECONDS: Final = 1.0
_ROUNDS: Final = 4
_LIKES: Final = 400_000
_BATCHES: Final = 3_000
_READS: Final = 150_000
_CONNECTIONS: Final = 2
_ASSET: Final = "/docs/swagger-ui-bundle.js"
_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_SETTINGS: Final = 4
_HEADERS: Final = 1
_ENDS_STREAM_AND_HEADERS: Final = 5
_INITIAL_WINDOW_SIZE: Final = 4


def siege(progress: ProgressCallback) -> Iterator[Figure]:
    """Measures what is left of both rates during a siege, and the slowest health check."""
    with start_deployment() as deployment:
        progress(f"{_LIKES:,} likes, and their releases")
        deployment.fill(_LIKES)
        release_all(deployment)
        with (
            deployment.run_plane(Process.PLATFORM) as platform,
            deployment.run_plane(Process.PUBLIC) as public,
        ):
            progress(
                f"{SLOW_BODIES} slow bodies, {SILENT:,} silent connections of each plane and {UNREAD} unread "
                f"responses, {_ROUNDS} times for {HELD_SECONDS:g} s"
            )
            requests = Requests(deployment.create_key("platform", "ingest"), deployment.posted_at_ms)
            loads = {
                "events/s": Load(platform, _CONNECTIONS, partial(requests.endless, 0, _BATCHES)),
                "requests/s": Load(
                    public,
                    _CONNECTIONS,
                    partial(repeat_reads, deployment.create_key("public", "read"), _READS),
                ),
            }
            slowest: list[float] = []
            canary = deployment.create_key("platform", "canary")
            task = partial(_besiege, (platform, public), canary, slowest)
            windows = measure_interference([task] * _ROUNDS, loads)
    for unit, each in (("events/s", BATCH), ("requests/s", 1)):
        pairs = [window[unit] for window in windows]
        yield compare(f"{unit} during a siege of both planes", unit, each, pairs, SHARE_LEFT)
    yield Figure(
        "slowest health check meanwhile", max(slowest), "s", bar=Bar(Measure.VALUE, high=_HEALTH_SECONDS)
    )


def _besiege(ports: Sequence[int], canary: str, slowest: list[float]) -> None:
    """Holds all connections for a while, and asks both planes for their health meanwhile."""
    platform, public = ports
    with ExitStack() as held:
        for _ in range(SLOW_BODIES):
            request = build_request("POST", "/v1/sandbox/events", canary, b" " * 1_000, "application/json")
            held.enter_context(_connect(platform)).sendall(request[:-999])
        for port in ports:
            for _ in range(SILENT):
                held.enter_context(_connect(port))
            held.enter_context(_connect(port)).sendall(_streams(UNREAD))
        for _ in range(UNREAD):
            held.enter_context(_connect(public)).sendall(build_request("GET", _ASSET, "none"))
        until = time.monotonic() + HELD_SECONDS
        while time.monotonic() < until:
            slowest += [_ask_health(port) for port in ports]
            time.sleep(0.1)  # health checks are no load


def _connect(port: int) -> socket.socket:
    opened = socket.socket()
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
    opened.settimeout(60)
    opened.connect((LOOPBACK, port))
    return opened


def _streams(count: int) -> bytes:
    """Returns the bytes of an HTTP/2 connection with a window of 0 and requests for something large."""
    settings = struct.pack(">HI", _INITIAL_WINDOW_SIZE, 0)
    # HPACK: the indexed fields `:method: GET` and `:scheme: http`, then `:path` and `:authority` as literals.
    path = _ASSET.encode()
    fields = b"\x82\x86\x04" + bytes([len(path)]) + path + b"\x01\x01x"
    frames = [_frame(_SETTINGS, 0, 0, settings)]
    frames += [_frame(_HEADERS, _ENDS_STREAM_AND_HEADERS, 2 * number + 1, fields) for number in range(count)]
    return _PREFACE + b"".join(frames)


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def _ask_health(port: int) -> float:
    """Returns how long a health check takes on a new connection."""
    started = time.perf_counter()
    with _connect(port) as opened:
        opened.sendall(build_request("GET", "/healthz", "none"))
        if not opened.recv(1_000).startswith(b"HTTP/1.1 200"):
            raise RuntimeError("a health check failed")
    return time.perf_counter() - started
