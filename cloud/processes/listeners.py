"""Who listens where: uvicorn for people by HTTP, uvicorn for beds by mutual TLS with the certificate's name in every request."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from cloud.processes.bed_protocol import BedProtocol
from cloud.settings import AuthoritySection, BedsSection, MetricsSection, PeopleSection
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


def metrics_listener(app: ASGIApp, section: MetricsSection, listening: Callable[[Listener], None]) -> Listener:
    """Plain HTTP for Prometheus, on loopback unless the settings say otherwise."""
    bound = _bind("metrics", section.host, section.port)
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
    return _secured("beds", config, bound, listening)


def enrolment_listener(
    app: ASGIApp, section: AuthoritySection, beds: BedsSection, listening: Callable[[Listener], None]
) -> Listener:
    """TLS with the bed interface's certificate, for boxes that have none of their own yet."""
    bound = _bind("authority", section.host, section.port)
    config = uvicorn.Config(app, ssl_certfile=beds.certificate_file, ssl_keyfile=beds.key_file, **_COMMON)
    return _secured("beds", config, bound, listening)


def _secured(
    section: str, config: uvicorn.Config, bound: socket.socket, listening: Callable[[Listener], None]
) -> Listener:
    """TLS 1.2 or newer. Raises Misconfigured when the certificate files cannot be used."""
    try:
        config.load()
    except OSError as error:
        bound.close()
        raise Misconfigured(f"{section}: the certificate files cannot be used: {error}.") from error
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
