"""Ports for the servers that tests start."""

import random
import socket
from pathlib import Path

HOST = "127.0.0.1"
LOWEST = 10_000
_GIVEN_TO_CONNECTIONS = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_port() -> int:
    """Find a free port below those that the kernel gives to connections.

    A port from `bind` with port 0 is one that any connection may get before the server binds it.
    """
    below = int(_GIVEN_TO_CONNECTIONS.read_text().split()[0])
    choose = random.SystemRandom()
    while True:
        port = choose.randrange(LOWEST, below)
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
