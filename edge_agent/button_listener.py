"""Hears the button on this machine alone: `POST /mark` on a loopback port, for a physical button, a script or a nurse call.

One request at a time, without a body, two seconds at most. A page in a browser cannot press it: a request with an Origin header
or for another host than this machine is refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import urlsplit

from edge_agent.button import Pressed
from edge_agent.settings import is_loopback
from shared.clock import utc_text
from shared.errors import DeepEpilError, Misconfigured

HOST = "127.0.0.1"
PATH = "/mark"
PATIENCE_S = 2.0
TURN_S = 0.5


class ButtonListener:
    """Listens from the start. Raises Misconfigured when the port is taken. `press` is called in the thread of `turn`."""

    def __init__(self, port: int, press: Callable[[], Pressed]) -> None:
        handler = type("Handler", (_Handler,), {"press": staticmethod(press)})
        try:
            self._server = HTTPServer((HOST, port), handler)
        except OSError as error:
            raise Misconfigured(f"button.port: {port} cannot be used: {error.strerror}.") from error
        self._server.timeout = TURN_S

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._server.server_address[1])

    def turn(self) -> None:
        """Waits half a second for a press and answers it."""
        self._server.handle_request()

    def close(self) -> None:
        """Ends it."""
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    """One request."""

    press: Callable[[], Pressed]
    timeout = PATIENCE_S

    def do_POST(self) -> None:
        if self.path != PATH:
            self._answer(404, {"detail": f"There is only POST {PATH} here."})
        elif "origin" in self.headers or not is_loopback(urlsplit(f"//{self.headers.get('host', '')}").hostname or ""):
            self._answer(403, {"detail": "Only a program on this machine may press the button."})
        else:
            self._press()

    def _press(self) -> None:
        try:
            pressed = type(self).press()
        except DeepEpilError as error:
            self._answer(503, {"detail": error.sentence})
            return
        report = pressed.report
        told = {"event_id": str(report.event_id), "effect": pressed.effect.value, "utc": utc_text(report.end_utc_ns)}
        self._answer(200, told)

    def _answer(self, status: int, body: dict[str, str]) -> None:
        payload = json.dumps(body).encode() + b"\n"
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(payload)))
        self.send_header("connection", "close")
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        """The process logs what a press did, not each request."""
