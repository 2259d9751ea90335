"""Where a box gets its first certificate (server TLS, a one-time code) and its next ones (mutual TLS, with the one it has).

The list of what was revoked is given to anybody who asks here: it holds serial numbers alone, and brokers fetch it.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from fastapi import APIRouter, FastAPI, Request, Response

from cloud.clips.routes import Bed
from cloud.devices import enrolment
from cloud.devices.bed_authority import BedAuthority
from cloud.devices.limits import Bucket
from cloud.principal import Principal
from cloud.problems import HttpProblem, install_problems
from shared.contract import read_contract
from shared.identity import LIMIT_BYTES, EnrolmentWish, Identity, RenewalWish

PEM_TYPE = "application/x-pem-file"
TRIES_PER_S = 0.5
"""By one address, five at once."""
TRIES_PER_S_OF_ALL = 5.0
ADDRESSES_REMEMBERED = 10_000


@dataclass(slots=True)
class TryLimits:
    """Tries at a code, by address and in all. Those not heard of for longest are forgotten past 10 000 addresses."""

    monotonic_ns: Callable[[], int] = time.monotonic_ns
    _all: Bucket = field(default_factory=lambda: Bucket(TRIES_PER_S_OF_ALL * 10, 0))
    _addresses: OrderedDict[str, Bucket] = field(default_factory=OrderedDict)

    def one(self, address: str) -> None:
        """One try. Raises HttpProblem 429 with Retry-After."""
        now_ns = self.monotonic_ns()
        bucket = self._addresses.setdefault(address, Bucket(TRIES_PER_S * 10, now_ns))
        self._addresses.move_to_end(address)
        if len(self._addresses) > ADDRESSES_REMEMBERED:
            self._addresses.popitem(last=False)
        wait_s = bucket.wait_s(1, TRIES_PER_S, now_ns) or self._all.wait_s(1, TRIES_PER_S_OF_ALL, now_ns)
        if wait_s:
            raise HttpProblem(429, "Too many tries; wait a while.", retry_after_s=wait_s)


@dataclass(frozen=True, slots=True)
class IdentityParts:
    """What signs, and what beds shall trust (PEM)."""

    authority: BedAuthority
    trust_pem: str
    limits: TryLimits = field(default_factory=TryLimits)


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > LIMIT_BYTES:
            raise HttpProblem(413, f"The request is larger than {LIMIT_BYTES} bytes.", close=True)
    return bytes(body)


def renewal_router(parts: IdentityParts) -> APIRouter:
    """For the bed interface: who asks is what the client certificate says."""
    router = APIRouter(prefix="/bed/v1")

    @router.post("/certificate")
    async def renew(request: Request, bed: Bed) -> Identity:
        """The bed's next certificate."""
        wish = read_contract(RenewalWish, await _body(request), LIMIT_BYTES)
        found = await enrolment.renew(parts.authority, bed.site, bed.bed, wish.request_pem, time.time_ns())
        return Identity(certificate_pem=enrolment.pem_of(found), trust_pem=parts.trust_pem)

    return router


def create_enrolment_app(parts: IdentityParts) -> FastAPI:
    """The application for boxes that are no beds yet; the tables must be open."""
    app = FastAPI(title="DeepEpil enrolment", openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)

    @app.get("/enrol/v1/authority")
    async def authority() -> Response:
        """The certificates by which beds know broker and cloud; the code says whether they are the right ones."""
        return Response(parts.trust_pem, media_type=PEM_TYPE)

    @app.get("/enrol/v1/revoked")
    async def revoked() -> Response:
        """The signed list of revoked certificates (CRL, PEM)."""
        found = await enrolment.revoked(Principal.system("api"), time.time_ns())
        return Response(parts.authority.revocation_list(found), media_type=PEM_TYPE)

    @app.post("/enrol/v1/certificate")
    async def enrol(request: Request) -> Identity:
        """The first certificate of a box."""
        parts.limits.one(request.client.host if request.client else "")
        wish = read_contract(EnrolmentWish, await _body(request), LIMIT_BYTES)
        found = await enrolment.enrol(parts.authority, wish, time.time_ns())
        return Identity(certificate_pem=enrolment.pem_of(found), trust_pem=parts.trust_pem)

    install_problems(app)
    return app
