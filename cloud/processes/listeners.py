"""Who listens where: uvicorn for people by HTTP, uvicorn for beds by mutual TLS with the certificate's name in every request."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from cloud.clips.routes import PEER_NAME
from cloud.settings import BedsSection, PeopleSection
from shared.errors import Misconfigured

_COMMON: dict[str, Any] = {
    "lifespan": "off",
    "log_config": None,
    "access_log": False,
    "ws": "none",
    "server_header": False,
    "timeout_keep_alive": 30,
    "timeout_graceful_shutdown": 3,
    "limit_concurrency": 1_000,
}

CONNECTIONS_A_BED = 16
HEADERS_WITHIN_S = 20.0


class BedProtocol(HttpToolsProtocol):
    """HTTP over mutual TLS: each request bears the common name of the client certificate in its scope's state.

    One certificate holds at most `CONNECTIONS_A_BED` connections, and whoever takes longer than `HEADERS_WITHIN_S` to say
    what it wants is cut off: no bed can keep the others out.
    """

    _open: ClassVar[Counter[str]] = Counter()
    _peer = ""
    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Counts the connection to its certificate; one too many ends at once."""
        super().connection_made(transport)
        session = transport.get_extra_info("ssl_object")
        self._peer = common_name(session.getpeercert()) if session is not None else ""
        self._open[self._peer] += 1
        if self._open[self._peer] > CONNECTIONS_A_BED:
            transport.abort()
            return
        self._wait_for_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forgets the connection."""
        super().connection_lost(exc)
        self._headers_came()
        self._open[self._peer] -= 1
        if not self._open[self._peer]:
            del self._open[self._peer]

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self.scope["state"][PEER_NAME] = self._peer
        self._wait_for_headers()

    def on_headers_complete(self) -> None:
        """The request is known; its body has a patience of its own."""
        self._headers_came()
        super().on_headers_complete()

    def _wait_for_headers(self) -> None:
        self._headers_came()
        self._patience = self.loop.call_later(HEADERS_WITHIN_S, self.transport.abort)

    def _headers_came(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None


def common_name(certificate: Any) -> str:
    """The common name in a certificate as the `ssl` module gives it, empty when there is none or more than one."""
    subject = (certificate or {}).get("subject", ())
    names = [value for part in subject for key, value in part if key == "commonName"]
    return str(names[0]) if len(names) == 1 else ""


class Listener(uvicorn.Server):
    """One server on a socket that is bound already; it tells once it listens and leaves signals to the process."""

    def __init__(self, config: uvicorn.Config, bound: socket.socket, listening: Callable[[Listener], None]) -> None:
        super().__init__(config)
        self._bound = bound
        self._listening = listening
        self.host, self.port = bound.getsockname()[:2]

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """None: the process has its own."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts to listen and tells it."""
        await super().startup(sockets)
        if self.started:
            self._listening(self)

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Until cancelled; requests under way get 3 s to end."""
        serving = asyncio.create_task(super().serve(sockets or [self._bound]))
        try:
            await asyncio.shield(serving)
        except asyncio.CancelledError:
            self.should_exit = True
            await serving
            raise


def people_listener(app: ASGIApp, section: PeopleSection, listening: Callable[[Listener], None]) -> Listener:
    """Plain HTTP: on loopback, or behind a proxy that speaks HTTPS."""
    bound = _bind("people", section.host, section.port)
    return Listener(uvicorn.Config(app, **_COMMON), bound, listening)


def bed_listener(app: ASGIApp, section: BedsSection, listening: Callable[[Listener], None]) -> Listener:
    """Mutual TLS 1.2 or newer: without a certificate of our authority there is no connection."""
    bound = _bind("beds", section.host, section.port)
    config = uvicorn.Config(
        app,
        http=BedProtocol,
        ssl_certfile=section.certificate_file,
        ssl_keyfile=section.key_file,
        ssl_ca_certs=str(section.ca_file),
        ssl_cert_reqs=ssl.CERT_REQUIRED,
        **_COMMON,
    )
    try:
        config.load()
    except OSError as error:
        bound.close()
        raise Misconfigured(f"beds: the certificate files cannot be used: {error}.") from error
    assert config.ssl is not None
    config.ssl.minimum_version = ssl.TLSVersion.TLSv1_2
    return Listener(config, bound, listening)


def _bind(section: str, host: str, port: int) -> socket.socket:
    found = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((host, port))
        found.listen()  # two sockets with SO_REUSEADDR may share a port until one of them listens
    except OSError as error:
        found.close()
        taken = error.errno == errno.EADDRINUSE
        reason = "the port is in use" if taken else (error.strerror or str(error))
        raise Misconfigured(f"{section}.port: cannot listen at {host}:{port}: {reason}.") from error
    return found
