"""The bed's HTTPS requests without a socket: the shipped CloudClient on one side, the shipped application on the other.

Between them requests and answers are cut, lost, spoiled or answered by a proxy in the middle.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Coroutine, MutableMapping
from typing import Any

import httpx
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp

from cloud.clips.routes import PEER_NAME
from tests.campaigns.delivery.sim_crashes import CloudCrash
from tests.campaigns.delivery.sim_time import VirtualTime

PROXY_WORDS = (403, 404, 408, 429, 500, 502, 503)
"""What something in the middle may answer; none of them is the cloud's word."""
MOODS = ("cut", "reply_lost", "spoiled", "proxy", "unreachable")
Answer = tuple[int, list[tuple[bytes, bytes]], bytes]


class Web(httpx.BaseTransport):
    """One bed's way to the cloud. `moods` are the faults of the next requests that carry a body or ask for one."""

    def __init__(
        self, time: VirtualTime, dice: random.Random, bed: str, peer: str, app: Callable[[], ASGIApp | None],
        run: Callable[[Coroutine[Any, Any, Answer]], Answer], crashed: Callable[[], None], struck: Callable[[str], None],
    ) -> None:  # fmt: skip
        self.moods: list[str] = []
        self.cut = False
        self._time, self._dice, self._bed, self._peer = time, dice, bed, peer
        self._app, self._run, self._crashed, self._struck = app, run, crashed, struck

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        body = request.read()
        app = self._app()
        if self.cut or app is None:
            raise httpx.ConnectError("no way to the cloud")
        mood = self.moods.pop(0) if self.moods else ""
        if mood:
            self._struck(f"request: {mood.replace('_', ' ')}")
            self._time.note(f"{self._bed} → {request.method} {request.url.path[-60:]}: {mood}")
        if mood == "unreachable":
            raise httpx.ConnectError("no way to the cloud")
        if mood == "proxy":
            return httpx.Response(self._dice.choice(PROXY_WORDS), content=b"<html>something in the middle</html>")
        if mood == "spoiled" and body:
            at = self._dice.randrange(len(body))
            body = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
        try:
            status, headers, answer = self._run(ask(app, self._peer, request, body, cut=mood == "cut"))
        except CloudCrash as crash:
            self._time.note(f"the api crashed at {crash}")
            self._crashed()
            raise httpx.ReadError("the api is gone") from crash
        except ClientDisconnect as error:
            raise httpx.ReadError("the line broke") from error
        if mood in {"cut", "reply_lost"}:
            raise httpx.ReadError("the line broke")
        return httpx.Response(status, headers=headers, content=answer)


async def ask(app: ASGIApp, peer: str, request: httpx.Request, body: bytes, *, cut: bool) -> Answer:
    """One request to the application, as the listener hands it over. `cut`: the bed goes away in the middle of the body."""
    headers = [(name.lower(), value) for name, value in request.headers.raw]
    scope = {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "method": request.method,
        "path": request.url.path, "raw_path": request.url.raw_path, "root_path": "", "scheme": "https",
        "query_string": request.url.query, "headers": headers, "client": ("bed", 1), "server": ("cloud", 443),
        "state": {PEER_NAME: peer},
    }  # fmt: skip
    half = len(body) // 2
    pieces = [(body[:half], True)] if cut else [(body[:half], True), (body[half:], False)]
    status, back, answer = 500, [], bytearray()

    async def receive() -> MutableMapping[str, Any]:
        if not pieces:
            return {"type": "http.disconnect"}
        piece, more = pieces.pop(0)
        return {"type": "http.request", "body": piece, "more_body": more}

    async def send(message: MutableMapping[str, Any]) -> None:
        nonlocal status, back
        if message["type"] == "http.response.start":
            status, back = int(message["status"]), list(message.get("headers", []))
        else:
            answer.extend(message.get("body", b""))

    await app(scope, receive, send)
    return status, back, bytes(answer)
