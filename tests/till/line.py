"""A line that can be cut: a TCP relay in front of the server, which the till is told is the server."""

import contextlib
import selectors
import socket
import threading

CHUNK = 64 * 1024


class Line:
    """Relays bytes. Cut, it refuses connections and drops those that stand."""

    def __init__(self, target: str) -> None:
        self.serve(target)
        self._lock = threading.Lock()
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._replies_left: int | None = None
        self._listener: socket.socket | None = None
        self._port = 0
        self.restore()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port}"

    def serve(self, target: str) -> None:
        """Another server stands behind it from now on."""
        host, _, port = target.rpartition(":")
        self._server = (host, int(port))

    def restore(self, cut_after: int | None = None) -> None:
        """Up again; cut by itself once so many bytes of replies have passed: what was asked arrived, and its
        answer did not.
        """
        listener = socket.create_server(("127.0.0.1", self._port))
        with self._lock:
            self._port = listener.getsockname()[1]
            self._replies_left = cut_after
            self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def cut(self) -> None:
        with self._lock:
            listener, self._listener = self._listener, None
            pairs, self._pairs = self._pairs, set()
        if listener is not None:
            # A thread that waits in accept keeps the socket open until it is told.
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        for pair in pairs:
            for each in pair:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    @property
    def up(self) -> bool:
        return self._listener is not None

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self._server)
            except OSError:
                client.close()
                continue
            with self._lock:
                if self._listener is not listener:
                    client.close()
                    server.close()
                    return
                self._pairs.add((client, server))
            threading.Thread(target=self._relay, args=(client, server), daemon=True).start()

    def _relay(self, client: socket.socket, server: socket.socket) -> None:
        other = {client: server, server: client}
        with selectors.DefaultSelector() as ready, client, server:
            for each in other:
                ready.register(each, selectors.EVENT_READ)
            try:
                while True:
                    for key, _ in ready.select():
                        source = key.fileobj
                        assert isinstance(source, socket.socket)
                        data = source.recv(CHUNK)
                        if not data:
                            return
                        if source is server and self._used_up(len(data)):
                            self.cut()
                            return
                        other[source].sendall(data)
            except OSError:
                return
            finally:
                with self._lock:
                    self._pairs.discard((client, server))

    def _used_up(self, size: int) -> bool:
        with self._lock:
            if self._replies_left is None:
                return False
            self._replies_left -= size
            return self._replies_left <= 0
