"""A server that the harness starts to measure it beside Kasir."""

import subprocess
from types import TracebackType
from typing import Self

# Seconds; then it is killed.
STOP_S = 30.0


class Peer:
    """A server in a process of its own, which `__init__` starts as `_server`, until the end of the `with`."""

    _server: subprocess.Popen[bytes]

    def stop(self) -> None:
        """Stops the server; its files stay."""
        self._server.terminate()
        try:
            self._server.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait(STOP_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
