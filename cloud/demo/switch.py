"""The switch of a running demonstration: turns a part of it off and on again, so that anybody can try an outage.

One request a connection over a Unix socket that only the demonstration's owner may open: `off PART`, `kill PART` or `on PART`,
answered by one sentence. A request is at most 64 bytes and has 5 s.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from shared.errors import DeepEpilError, Misconfigured, Refused, Transient

SOCKET_NAME = "switch"
REQUEST_BYTES = 64
ANSWER_BYTES = 1024
REQUEST_LIMIT_S = 5.0
ANSWER_LIMIT_S = 60.0
Deed = Literal["on", "off", "kill"]
Turn = Callable[[Deed, str], str]
"""Does the deed to the part and tells in one sentence what was done; raises Refused for a part that there is not."""


def read_request(raw: bytes) -> tuple[Deed, str]:
    """Deed and part of one request. Raises Refused for anything else."""
    words = raw.decode("ascii", "replace").split()
    if len(words) != 2 or words[0] not in ("on", "off", "kill"):
        raise Refused("The request is not `on PART`, `off PART` or `kill PART`.")
    deed: Deed = "on" if words[0] == "on" else "off" if words[0] == "off" else "kill"
    return deed, words[1]


class Switch:
    """Listens in `folder` until closed; each request is done by `turn` in the order of arrival."""

    def __init__(self, folder: Path, turn: Turn) -> None:
        self._path = folder / SOCKET_NAME
        self._turn = turn
        self._path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        try:
            self._listener.bind(str(self._path))
        except OSError as error:
            self._listener.close()
            raise Misconfigured(f"{self._path} cannot be a socket: {error}.") from None
        self._listener.listen(4)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """No more requests; the socket is gone."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._path.unlink(missing_ok=True)

    def _serve(self) -> None:
        while True:
            try:
                asked, _ = self._listener.accept()
            except OSError:
                return
            with asked:
                asked.settimeout(REQUEST_LIMIT_S)
                try:
                    asked.sendall(self._answer(asked.recv(REQUEST_BYTES)).encode())
                except OSError:
                    continue

    def _answer(self, raw: bytes) -> str:
        try:
            return "done: " + self._turn(*read_request(raw))
        except DeepEpilError as error:
            return error.sentence


def ask(folder: Path, deed: Deed, part: str) -> str:
    """What the demonstration in `folder` did. Raises Transient when none runs there, Refused when it will not."""
    with socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(ANSWER_LIMIT_S)
        try:
            asking.connect(str(folder / SOCKET_NAME))
            asking.sendall(f"{deed} {part}".encode())
            answer = asking.recv(ANSWER_BYTES).decode()
        except OSError:
            raise Transient(f"No demonstration runs in {folder}.") from None
    done, found, sentence = answer.partition("done: ")
    if not found or done:
        raise Refused(answer or "The demonstration ended.")
    return sentence
