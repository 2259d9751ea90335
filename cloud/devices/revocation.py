"""Which certificates the bed interface refuses although they have not ended: looked up anew every few seconds.

TLS alone would let a connection that is open live on; this is asked at every request.
"""

from __future__ import annotations

import asyncio
import time

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from cloud.database import UNREACHABLE
from cloud.devices.enrolment import revoked
from cloud.principal import Principal
from cloud.problems import HttpProblem, problem_response

LOOK_S = 5.0
PEER_SERIAL = "deepepil_peer_serial"
"""Where the listener leaves the serial number of the client certificate, in the ASGI scope's state."""
_SYSTEM = Principal.system("api")
_log = structlog.get_logger(__name__)


class Revoked:
    """The revoked serial numbers as they were known at the last look; while the database is away they stay as they are."""

    def __init__(self) -> None:
        self._serials: frozenset[str] = frozenset()

    def __contains__(self, serial: str) -> bool:
        return serial in self._serials

    async def look(self) -> None:
        """Asks the database once."""
        self._serials = frozenset(serial for serial, _ in await revoked(_SYSTEM, time.time_ns()))

    async def run(self) -> None:
        """Looks every 5 s, for ever."""
        away = False
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self.look()
                away = False
            except UNREACHABLE as error:
                if not away:
                    _log.warning("revocations_not_read", reason=str(error)[:300])
                away = True


class RevocationFence:
    """Refuses the requests of certificates that were revoked, and ends their connections."""

    def __init__(self, app: ASGIApp, found: Revoked) -> None:
        self._app = app
        self._revoked = found

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope.get("state", {}).get(PEER_SERIAL, "") in self._revoked:
            await problem_response(HttpProblem(403, "The certificate was revoked.", close=True))(scope, receive, send)
            return
        await self._app(scope, receive, send)


def serial_in(certificate: object) -> str:
    """The serial number in a certificate as the `ssl` module gives it, as it is kept; empty when there is none."""
    found = certificate.get("serialNumber") if isinstance(certificate, dict) else None
    return f"{int(found, 16):x}" if isinstance(found, str) and found else ""
