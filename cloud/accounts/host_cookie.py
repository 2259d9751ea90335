"""With HTTPS the session's cookie bears the prefix `__Host-`: browsers then keep it to this host, this path and TLS (RFC 6265bis).

Inside the application it has its plain name; a cookie that arrives under the plain name is not ours and is left out.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

PREFIX = b"__Host-"


class HostCookie:
    """Renames one cookie on its way in and out."""

    def __init__(self, app: ASGIApp, name: str) -> None:
        self._app = app
        self._plain = f"{name}=".encode()
        self._outer = PREFIX + self._plain

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_renamed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [self._out(*header) for header in message.get("headers", [])]}
            await send(message)

        headers = [self._in(bytes(name), bytes(value)) for name, value in scope["headers"]]
        await self._app({**scope, "headers": headers}, receive, send_renamed)

    def _in(self, name: bytes, value: bytes) -> tuple[bytes, bytes]:
        if name != b"cookie":
            return name, value
        cookies = [one.strip() for one in value.split(b";")]
        ours = [one for one in cookies if not one.startswith(self._plain)]
        return name, b"; ".join(one.removeprefix(PREFIX) if one.startswith(self._outer) else one for one in ours)

    def _out(self, name: bytes, value: bytes) -> tuple[bytes, bytes]:
        if name.lower() == b"set-cookie" and value.startswith(self._plain):
            return name, PREFIX + value
        return name, value
