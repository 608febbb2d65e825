"""The lines on which a simulated printer can be reached: a TCP port and a pty."""

import socket
import struct
import threading
from contextlib import suppress
from pathlib import Path
from typing import Self

from hardware.simulators.device import Device
from hardware.simulators.pty_device import PtyDevice

_READ_SIZE = 2048
_TICK_S = 0.05


class _Connection:
    """A TCP connection to the printer."""

    def __init__(self, opened: socket.socket) -> None:
        self.socket = opened
        self.is_cut = False

    def reply(self, data: bytes) -> None:
        """See Wire."""
        with suppress(OSError):
            self.socket.sendall(data)

    def cut(self) -> None:
        """See Wire: with a reset, as a machine that is gone answers. What has arrived unread is lost."""
        self.is_cut = True
        with suppress(OSError):
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RD)


class TcpLine:
    """A port on this machine. One connection at a time, the next ones wait, as at a real printer; nothing
    listens while the printer is switched off.
    """

    def __init__(self, device: Device, port: int = 0, host: str = "127.0.0.1", window_bytes: int = 0) -> None:
        """Listens; 0 takes a free port. `window_bytes` come beyond the printer's buffer, 0: as many as this
        machine takes. Raises OSError.
        """
        self.device = device
        self.host = host
        self._window_bytes = window_bytes
        self._listener: socket.socket | None = self._listen(port)
        self.port: int = self._listener.getsockname()[1]
        self._ended = False
        self._thread = threading.Thread(target=self._serve, name=f"port {self.port}", daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        """host:port."""
        return f"{self.host}:{self.port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the line and the printer."""
        self._ended = True
        self.device.switch_off()
        self.device.end()
        self._thread.join(20 * _TICK_S)

    def _listen(self, port: int) -> socket.socket:
        listener = socket.create_server((self.host, port), reuse_port=False, backlog=5)
        if self._window_bytes:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._window_bytes)
        listener.settimeout(_TICK_S)
        return listener

    def _serve(self) -> None:
        while not self._ended:
            if not self.device.is_on:
                if self._listener is not None:
                    self._listener.close()
                    self._listener = None
                self.device.settled(lambda: self.device.is_on or self._ended, _TICK_S)
                continue
            if self._listener is None:
                try:
                    self._listener = self._listen(self.port)
                except OSError:
                    continue
            try:
                opened, _ = self._listener.accept()
            except OSError:
                continue
            with opened:
                self._talk(opened)
        if self._listener is not None:
            self._listener.close()

    def _talk(self, opened: socket.socket) -> None:
        """One connection to its end."""
        opened.settimeout(None)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wire = _Connection(opened)
        self.device.connected(wire)
        try:
            while self.device.is_on and not self._ended and not wire.is_cut:
                data = opened.recv(_READ_SIZE)
                if not data or wire.is_cut:
                    return
                self.device.receive(wire, data)
        except OSError:
            return
        finally:
            self.device.disconnected(wire)


class PtyLine(PtyDevice):
    """A pseudo terminal, which programs open like a serial port. A cable that is pulled leaves the port where
    it is: what is written is lost.
    """

    def __init__(self, device: Device, link: str | Path | None = None) -> None:
        """Opens one. `link` is made to point to it. Raises OSError."""
        self.device = device
        device.connected(self)
        super().__init__(link)

    def received(self, data: bytes) -> None:
        """Goes to the printer, as fast as that takes it."""
        if self.device.is_on:
            self.device.receive(self, data)

    def reply(self, data: bytes) -> None:
        """See Wire."""
        self.send(data)

    def cut(self) -> None:
        """See Wire."""

    def close(self) -> None:
        """Ends the line and the printer."""
        self.device.switch_off()
        self.device.end()
        super().close()
