"""Facts between the processes of one bed: ZeroMQ publish/subscribe over files, bounded, with every loss counted.

A process binds one socket and connects to the owners of the topics that it takes; each may start, end and come back in any
order. Nobody waits for a slow listener: what does not fit its queue is dropped, and its sequence numbers tell.
"""

from __future__ import annotations

import hashlib
import secrets
import struct
import tempfile
import threading
from pathlib import Path
from typing import Any

import zmq

from edge_agent.bus_messages import BusTopic, Message, decode_message, encode_message
from edge_agent.process_table import owners_of
from shared.errors import Refused

HIGH_WATER = 512
"""Messages that wait for one listener at most."""
_LONGEST_SOCKET_PATH = 100
_COUNTS = struct.Struct("<QQ")


def folder_hash(folder: Path) -> str:
    """Names what belongs to one bed's folder outside of it: shared memory, sockets of folders with long names."""
    return hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]


def run_folder(folder: Path) -> Path:
    """Where the sockets lie: `run/` in the bed's folder; in the temporary folder when that path is too long for a socket."""
    here = folder.resolve() / "run"
    if len(str(here / "supervisor.ipc")) > _LONGEST_SOCKET_PATH:
        here = Path(tempfile.gettempdir()) / f"deepepil-{folder_hash(folder)}"
    here.mkdir(mode=0o700, parents=True, exist_ok=True)
    return here


def _address(folder: Path, process: str) -> str:
    return f"ipc://{run_folder(folder) / process}.ipc"


class Publisher:
    """The one outgoing socket of a process. Any thread may publish."""

    def __init__(self, folder: Path, process: str) -> None:
        self._socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.PUB)
        self._socket.setsockopt(zmq.SNDHWM, HIGH_WATER)
        self._socket.setsockopt(zmq.LINGER, 500)
        self._socket.bind(_address(folder, process))
        self._session = secrets.randbits(63)
        self._counts: dict[BusTopic, int] = {}
        self._lock = threading.Lock()

    def publish(self, topic: BusTopic, message: Message) -> None:
        """Sends at once; never waits."""
        body = encode_message(topic, message)
        with self._lock:
            count = self._counts.get(topic, 0)
            self._counts[topic] = count + 1
            self._socket.send_multipart([_wire_name(topic), _COUNTS.pack(self._session, count), body])

    def close(self) -> None:
        self._socket.close()


class Subscriber:
    """The incoming messages of one thread, from all owners of its topics, in the order of arrival."""

    def __init__(self, folder: Path, topics: tuple[BusTopic, ...]) -> None:
        self._socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.SUB)
        self._socket.setsockopt(zmq.RCVHWM, HIGH_WATER)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.RECONNECT_IVL, 50)
        self._socket.setsockopt(zmq.RECONNECT_IVL_MAX, 500)
        self._last: dict[tuple[BusTopic, int], int] = {}
        self.dropped = 0
        """Messages that were published after this one began to listen and did not arrive."""
        self.refused = 0
        """Messages that arrived and could not be read."""
        for topic in topics:
            self._socket.subscribe(_wire_name(topic))
        for owner in sorted({owner for topic in topics for owner in owners_of(topic)}):
            self._socket.connect(_address(folder, owner))

    @property
    def socket(self) -> zmq.Socket[bytes]:
        """For a loop that polls other things too; read with `receive(0)` until it gives None."""
        return self._socket

    def receive(self, timeout_ms: int) -> tuple[BusTopic, Any] | None:
        """The next message with its topic, or None when none came in that time. Unreadable ones are counted and skipped."""
        while self._socket.poll(timeout_ms):
            found = self._read(self._socket.recv_multipart())
            if found is not None:
                return found
        return None

    def _read(self, parts: list[bytes]) -> tuple[BusTopic, Any] | None:
        try:
            topic = BusTopic(parts[0][:-1].decode())
            session, count = _COUNTS.unpack(parts[1])
            message = decode_message(topic, parts[2])
        except (Refused, ValueError, IndexError, struct.error):
            self.refused += 1
            return None
        last = self._last.get((topic, session))
        if last is not None:
            self.dropped += count - last - 1
        elif len(self._last) > 1000:
            self._last.clear()
        self._last[topic, session] = count
        return topic, message

    def close(self) -> None:
        self._socket.close()


def _wire_name(topic: BusTopic) -> bytes:
    """With a closing zero, so that no topic is the prefix of another."""
    return topic.value.encode() + b"\0"
