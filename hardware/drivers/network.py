"""Printers on the network: raw bytes over TCP, port 9100."""

import socket

from hardware.devices import Unreachable
from hardware.drivers.line import Descriptor

PORT = 9100
# Seconds until the first question, between questions, and how many stay without answer.
_KEEPALIVE = {"TCP_KEEPIDLE": 5, "TCP_KEEPINTVL": 2, "TCP_KEEPCNT": 3}


def connect(host: str, port: int, timeout_s: float) -> Descriptor:
    """A new connection. Raises Unreachable within `timeout_s`."""
    try:
        opened = socket.create_connection((host, port), timeout_s)
    except OSError as error:
        raise Unreachable(f"{host}:{port}: {error.strerror or error}") from error
    except UnicodeError as error:
        raise Unreachable(f"{host} is no name of a machine") from error
    # The last piece of a job must not wait for an answer to the one before.
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # A printer that lost its power says nothing; the system asks in our stead, how often not everywhere.
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE.items():
        if hasattr(socket, name):
            opened.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return Descriptor(opened.fileno(), opened.close)
