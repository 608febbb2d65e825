"""Ports for the servers that the harness starts."""

import socket

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """A TCP port of loopback that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port
