"""A cloud that enrols boxes, on real sockets: the beds' authority, the enrolment and bed listeners, and a box's settings."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

from cryptography import x509

from cloud.clips.routes import create_bed_app
from cloud.clips.service import ClipParts
from cloud.devices import enrolment
from cloud.devices.bed_authority import BedAuthority, make_authority, serial_of
from cloud.devices.enrolment_routes import IdentityParts, TryLimits, create_enrolment_app, renewal_router
from cloud.devices.limits import BedLimits
from cloud.devices.revocation import RevocationFence, Revoked
from cloud.objects import Objects
from cloud.principal import Principal
from cloud.processes.listeners import Listener, bed_listener, enrolment_listener
from cloud.settings import AuthoritySection, BedsSection, ObjectsSection
from edge_agent.settings import Settings
from shared.clip import RawPolicy
from shared.clock import NS_PER_S
from shared.identity import EnrolmentCode
from tests.authority import TestAuthority
from tests.brokers import free_port

OPS = Principal.system("command")


class IdentityHouse:
    """`servers` is known to the boxes; `authority` signs for them; `revoked` is what the bed listener refuses."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.servers = TestAuthority(folder / "servers")
        self.server = self.servers.issue("server", server=True)
        self.crl_file = folder / "beds.crl"
        self.section = AuthoritySection(
            certificate_file=folder / "beds.crt", key_file=folder / "beds.key", crl_file=self.crl_file, port=free_port()
        )
        self.authority: BedAuthority = make_authority(self.section)
        self.beds = BedsSection(
            port=free_port(), certificate_file=self.server.certificate_file, key_file=self.server.key_file,
            ca_file=folder / "beds.crt",
        )  # fmt: skip
        self.trust = self.servers.ca_file.read_bytes()
        self.revoked = Revoked()
        self.limits = TryLimits()
        self.write_list([])

    @property
    def enrolment_url(self) -> str:
        return f"https://127.0.0.1:{self.section.port}"

    def write_list(self, found: list[tuple[str, int]]) -> None:
        self.crl_file.write_bytes(self.authority.revocation_list(found))

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Both listeners, for the time of the block; the tables must be open."""
        objects = Objects(ObjectsSection(url=f"file://{self.folder}/objects"))
        parts = ClipParts.of(objects, lambda _site: RawPolicy.never, _no_verdict, 10)
        app = create_bed_app(parts, BedLimits(self.beds, time.monotonic_ns))
        identity = IdentityParts(self.authority, self.trust.decode(), self.limits)
        app.include_router(renewal_router(identity))
        fenced = RevocationFence(app, self.revoked)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(_serving(lambda heard: bed_listener(fenced, self.beds, heard)))
            await stack.enter_async_context(
                _serving(
                    lambda heard: enrolment_listener(create_enrolment_app(identity), self.section, self.beds, heard)
                )
            )
            yield

    async def offer(self, bed: str = "bed-1", life_s: float = 60.0) -> EnrolmentCode:
        """A code for a bed of the site north."""
        code, now_ns = EnrolmentCode.new(self.trust), time.time_ns()
        await enrolment.offer(OPS, "north", bed, code, (now_ns, now_ns + round(life_s * NS_PER_S)))
        return code

    async def revoke(self, bed: str = "bed-1", serial: str | None = None) -> int:
        """As the command does it: rows, list, and the api's next look."""
        count = await enrolment.revoke(OPS, "north", bed, time.time_ns(), serial)
        self.write_list(await enrolment.revoked(OPS, time.time_ns()))
        await self.revoked.look()
        return count

    def box(self, name: str = "bed-1", mqtt_port: int = 8883) -> Settings:
        """The settings of a box that calls itself north.`name`."""
        place = self.folder / name
        return Settings.model_validate(
            {
                "bed": {"site": "north", "bed": name},
                "storage": {"folder": place / "ring", "max_bytes": 2**30},
                "source": {"kind": "simulator"},
                "detector": {"releases_folder": place, "release": "detector-v0"},
                "mqtt": {
                    "host": "127.0.0.1", "port": mqtt_port, "ca_file": place / "authority.crt",
                    "certificate_file": place / "bed.crt", "key_file": place / "bed.key",
                },
                "cloud": {"url": f"https://127.0.0.1:{self.beds.port}", "ca_file": place / "authority.crt"},
            }
        )  # fmt: skip


def serial_in_file(path: Path) -> str:
    """The serial number of a certificate in a file."""
    return serial_of(x509.load_pem_x509_certificate(path.read_bytes()))


async def _no_verdict(_event_id: object) -> None:
    return None


@asynccontextmanager
async def _serving(make: Callable[[Callable[[Listener], None]], Listener]) -> AsyncIterator[None]:
    heard = asyncio.Event()
    listener = make(lambda _listener: heard.set())
    task = asyncio.create_task(listener.serve())
    try:
        await asyncio.wait_for(heard.wait(), 30)
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
