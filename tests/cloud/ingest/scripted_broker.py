"""A broker that speaks just enough MQTT 3.1.1 to do what real ones may do and rarely do: speak before it answers a subscription."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

CONNACK_WRONG_VERSION = bytes.fromhex("2003008400")
CONNACK = bytes.fromhex("20020000")
CONNECT, PUBLISH, PUBACK, SUBSCRIBE = 1, 3, 4, 8


class ScriptedBroker(threading.Thread):
    """Takes connections one after the other. On a subscription it publishes, and answers only once that was acknowledged."""

    def __init__(self, topic: str, payload: bytes) -> None:
        super().__init__(daemon=True)
        self._publish = self._packet(PUBLISH << 4 | 2, len(topic).to_bytes(2) + topic.encode() + b"\x00\x01" + payload)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self.acknowledged = threading.Event()

    @staticmethod
    def _packet(head: int, body: bytes) -> bytes:
        length, rest = b"", len(body)
        while rest or not length:
            length += bytes([rest % 128 | (128 if rest >= 128 else 0)])
            rest //= 128
        return bytes([head]) + length + body

    def run(self) -> None:
        with suppress(OSError):
            while True:
                connection = self._server.accept()[0]
                with connection, suppress(OSError, IndexError):
                    self._serve(connection)

    def _serve(self, connection: socket.socket) -> None:
        subscription = b""
        while True:
            kind, body = self._read(connection)
            if kind == CONNECT:
                connection.sendall(CONNACK if body[6] == 4 else CONNACK_WRONG_VERSION)
            elif kind == SUBSCRIBE:
                subscription = body
                connection.sendall(self._publish)
            elif kind == PUBACK:
                self.acknowledged.set()
                granted = bytes([1]) * self._count(subscription[2:])
                connection.sendall(self._packet(0x90, subscription[:2] + granted))

    @staticmethod
    def _count(topics: bytes) -> int:
        count = 0
        while topics:
            topics = topics[3 + int.from_bytes(topics[:2]) :]
            count += 1
        return count

    @staticmethod
    def _read(connection: socket.socket) -> tuple[int, bytes]:
        head, length, shift = connection.recv(1)[0], 0, 0
        while True:
            part = connection.recv(1)[0]
            length |= (part & 127) << shift
            shift += 7
            if part < 128:
                break
        body = b""
        while len(body) < length:
            piece = connection.recv(length - len(body))
            if not piece:
                raise ConnectionResetError
            body += piece
        return head >> 4, body

    def close(self) -> None:
        """Listens no more."""
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
