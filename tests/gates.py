"""A gate before a server: passes bytes on, or cuts, or answers in its place, as the test says."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress

Verdict = bytes | None
"""What a judge says of the first bytes of a connection: None lets it pass, bytes are answered before it is closed."""


class Gate:
    """Listens on `port` and forwards to `target_port`. `cut` breaks every open connection with a reset.

    A connection on which `hang_up_at` goes towards the server is broken before these bytes arrive.
    """

    def __init__(
        self, target_port: int, judge: Callable[[bytes], Verdict] = lambda _first: None, hang_up_at: bytes | None = None
    ) -> None:
        self._hang_up_at = hang_up_at
        self._passing = threading.Event()
        self._passing.set()
        self._target_port = target_port
        self._judge = judge
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._open: set[socket.socket] = set()
        self.cut_after_bytes: int | None = None
        """Once so many bytes went towards the server, everything is cut and the limit is gone."""
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client = self._server.accept()[0]
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError), client:
            first = client.recv(65_536)
            verdict = self._judge(first)
            if verdict is not None:
                client.sendall(verdict)
                return
            with socket.create_connection(("127.0.0.1", self._target_port)) as server:
                with self._lock:
                    self._open |= {client, server}
                server.sendall(first)
                back = threading.Thread(target=self._pump, args=(server, client, False), daemon=True)
                back.start()
                self._pump(client, server, True)
                back.join()

    def _pump(self, source: socket.socket, sink: socket.socket, outward: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                if not self._passing.is_set():
                    continue
                if outward:
                    self._count(len(data))
                    if self._hang_up_at is not None and self._hang_up_at in data:
                        source.shutdown(socket.SHUT_RDWR)
                        break
                sink.sendall(data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def _count(self, size_bytes: int) -> None:
        if self.cut_after_bytes is not None:
            self.cut_after_bytes -= size_bytes
            if self.cut_after_bytes <= 0:
                self.cut_after_bytes = None
                self.cut()

    def cut(self) -> None:
        """Breaks all connections that are open now."""
        with self._lock:
            for each in self._open:
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
            self._open.clear()

    def swallow(self) -> None:
        """From now on every byte is taken and none is passed on: the line is half open."""
        self._passing.clear()

    def pass_on(self) -> None:
        """New bytes pass again."""
        self._passing.set()

    def close(self) -> None:
        """Stops listening and breaks everything."""
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self.cut()
