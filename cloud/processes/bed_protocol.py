"""How beds are heard: HTTP over mutual TLS with the certificate's name and serial in every request, and bounds on connections."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from cloud.clips.routes import PEER_NAME
from cloud.devices.revocation import PEER_SERIAL, serial_in

CONNECTIONS_A_BED = 16
HEADERS_WITHIN_S = 20.0


class BedProtocol(HttpToolsProtocol):
    """HTTP over mutual TLS: each request bears common name and serial number of the client certificate in its scope's state.

    One certificate holds at most `CONNECTIONS_A_BED` connections, and whoever takes longer than `HEADERS_WITHIN_S` to say
    what it wants is cut off: no bed can keep the others out.
    """

    _open: ClassVar[Counter[str]] = Counter()
    _peer = ""
    _serial = ""
    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Counts the connection to its certificate; one too many ends at once."""
        super().connection_made(transport)
        session = transport.get_extra_info("ssl_object")
        certificate = session.getpeercert() if session is not None else None
        self._peer, self._serial = common_name(certificate), serial_in(certificate)
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
        self.scope["state"][PEER_SERIAL] = self._serial
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
