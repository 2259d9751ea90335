"""A store that misbehaves: an HTTP proxy of ours before a real S3, for the api and the beds alike.

What it is told to spoil it spoils a number of times, then all passes. The signatures hold: the host's name passes unchanged.
"""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SLOW_S = 1.5
_ERROR_IN_200 = (
    b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>InternalError</Code>'
    b"<Message>We encountered an internal error. Please try again.</Message></Error>"
)
_HOP = frozenset({"connection", "transfer-encoding", "content-length", "keep-alive"})


class StoreLine:
    """Listens on a port of its own. `spoil` says which answer is spoilt how, `times` how often still."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.spoil = ""
        self.times = 0
        self.counts: Counter[str] = Counter()
        self._turn = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (_Handler,), {"line": self}))
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, daemon=True, name="store-line").start()

    def will(self, spoil: str, times: int) -> None:
        """From now on: `500`, `503`, `slow`, `error_in_200`, `complete_lost`, `part_corrupted`, `reset`; so many times."""
        with self._turn:
            self.spoil, self.times = spoil, times

    def take(self, *kinds: str) -> str:
        """The spoiling that is due for a request of these kinds, counted; empty when all passes."""
        with self._turn:
            if self.times <= 0 or self.spoil not in kinds:
                return ""
            self.times -= 1
            self.counts[self.spoil] += 1
            return self.spoil

    def close(self) -> None:
        """Ends the listening."""
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    timeout = 60
    line: StoreLine

    def _pass(self) -> None:
        body = self._body()
        complete = self.command == "POST" and "uploadId=" in self.path
        part = self.command == "PUT" and "partNumber=" in self.path
        kinds = ["500", "503", "slow", "reset"]
        kinds += ["error_in_200", "complete_lost"] if complete else []
        kinds += ["part_corrupted"] if part and body else []
        spoil = self.line.take(*kinds)
        if spoil in {"500", "503"}:
            self._answer(int(spoil), {"Content-Type": "application/xml"}, _ERROR_IN_200)
        elif spoil == "error_in_200":
            self._answer(200, {"Content-Type": "application/xml"}, _ERROR_IN_200)
        elif spoil == "reset":
            self.close_connection = True
        else:
            if spoil == "slow":
                time.sleep(SLOW_S)
            if spoil == "part_corrupted":
                body = bytes([body[0] ^ 1]) + body[1:]
            try:
                self._forward(body, lost=spoil == "complete_lost")
            except OSError:  # the store is away, or the client is
                self.close_connection = True

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            found = bytearray()
            while size := int(self.rfile.readline().split(b";")[0], 16):
                found += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return bytes(found)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _forward(self, body: bytes, *, lost: bool) -> None:
        there = http.client.HTTPConnection("127.0.0.1", self.line.target, timeout=60)
        there.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in {"transfer-encoding", "expect", "connection", "content-length"}:
                there.putheader(name, value)
        there.putheader("Content-Length", str(len(body)))
        there.endheaders(body)
        answer = there.getresponse()
        said = answer.read()
        headers = {name: value for name, value in answer.getheaders() if name.lower() not in _HOP}
        length = answer.getheader("Content-Length")
        there.close()
        if lost:
            self.close_connection = True
            return
        self._answer(answer.status, headers, said, length if self.command == "HEAD" else None)

    def _answer(self, status: int, headers: dict[str, str], body: bytes, length: str | None = None) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", length or str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _pass  # noqa: N815 the names are the library's
