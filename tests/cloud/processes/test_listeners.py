"""Who may connect: mutual TLS for beds, on a real socket; and what is said when a port is taken."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from cloud.clips.routes import PEER_NAME
from cloud.devices.authority import Authority
from cloud.processes import bed_protocol
from cloud.processes.bed_protocol import CONNECTIONS_A_BED, BedProtocol, common_name
from cloud.processes.listeners import Listener, bed_listener, people_listener
from cloud.settings import BedsSection, PeopleSection
from shared.errors import Misconfigured
from tests.brokers import free_port


async def _who(request: Request) -> PlainTextResponse:
    return PlainTextResponse(request.scope["state"].get(PEER_NAME, "nobody"))


APP = Starlette(routes=[Route("/", _who)])


class Place:
    """An authority, a server certificate, and where to listen."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = Authority.open(folder / "ca")
        certificate, key = self.authority.issue_files("server", folder, ("127.0.0.1",))
        ca_file = self.authority.certificate_file
        self.section = BedsSection(port=free_port(), certificate_file=certificate, key_file=key, ca_file=ca_file)

    def context(self, authority: Authority | None, name: str = "north.bed-1") -> ssl.SSLContext:
        found = ssl.create_default_context(cafile=str(self.authority.certificate_file))
        if authority is not None:
            found.load_cert_chain(*authority.issue_files(name, self.folder / f"client-{id(authority)}"))
        return found

    async def ask(self, context: ssl.SSLContext) -> str:
        async with httpx.AsyncClient(verify=context) as client:
            return (await client.get(f"https://127.0.0.1:{self.section.port}/")).text


@asynccontextmanager
async def serving(make: Callable[[Callable[[Listener], None]], Listener]) -> AsyncIterator[Listener]:
    heard = asyncio.Event()
    listener = make(lambda _listener: heard.set())
    task = asyncio.create_task(listener.serve())
    try:
        await asyncio.wait_for(heard.wait(), 30)
        yield listener
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


async def test_a_beds_request_bears_the_name_in_its_certificate(place: Place) -> None:
    async with serving(lambda heard: bed_listener(APP, place.section, heard)):
        first = await place.ask(place.context(place.authority))
        assert (first, await place.ask(place.context(place.authority, "north.bed-2"))) == ("north.bed-1", "north.bed-2")


async def test_without_a_certificate_of_our_authority_there_is_no_answer(place: Place, tmp_path: Path) -> None:
    foreign = Authority.open(tmp_path / "foreign")
    server = Authority.open(tmp_path / "ca").issue_files("other", tmp_path, ("127.0.0.1",))
    posing = place.context(None)
    posing.load_cert_chain(*server)
    async with serving(lambda heard: bed_listener(APP, place.section, heard)):
        for context in (place.context(None), place.context(foreign), posing):
            with pytest.raises((httpx.TransportError, OSError)):
                await place.ask(context)
        assert await place.ask(place.context(place.authority)) == "north.bed-1"


async def test_one_bed_cannot_hold_more_than_its_share_of_connections(place: Place) -> None:
    async with serving(lambda heard: bed_listener(APP, place.section, heard)):
        mine, other = place.context(place.authority), place.context(place.authority, "north.bed-2")
        held = [
            await asyncio.open_connection("127.0.0.1", place.section.port, ssl=mine) for _ in range(CONNECTIONS_A_BED)
        ]
        with pytest.raises((httpx.TransportError, OSError)):
            await place.ask(mine)
        assert await place.ask(other) == "north.bed-2"
        for _, writer in held:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
        await until(lambda: not BedProtocol._open["north.bed-1"])
        assert await place.ask(mine) == "north.bed-1"


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "])
async def test_whoever_does_not_say_what_it_wants_is_cut_off(
    place: Place, begun: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bed_protocol, "HEADERS_WITHIN_S", 0.05)
    async with serving(lambda heard: bed_listener(APP, place.section, heard)):
        context = place.context(place.authority)
        reader, writer = await asyncio.open_connection("127.0.0.1", place.section.port, ssl=context)
        writer.write(begun)
        with suppress(ConnectionError):
            assert await asyncio.wait_for(reader.read(), 30) == b""
        writer.close()


async def test_people_are_served_without_a_certificate(place: Place) -> None:
    section = PeopleSection(port=free_port())
    async with serving(lambda heard: people_listener(APP, section, heard)), httpx.AsyncClient() as client:
        assert (await client.get(f"http://127.0.0.1:{section.port}/")).text == "nobody"


async def test_a_port_in_use_is_named(place: Place) -> None:
    with socket.create_server(("127.0.0.1", place.section.port)):
        with pytest.raises(Misconfigured, match=r"beds\.port: .*in use"):
            bed_listener(APP, place.section, print)
        with pytest.raises(Misconfigured, match=r"people\.port: .*in use"):
            people_listener(APP, PeopleSection(port=place.section.port), print)


async def test_missing_certificates_are_named(place: Place) -> None:
    place.section.certificate_file.unlink()
    with pytest.raises(Misconfigured, match="beds: the certificate files"):
        bed_listener(APP, place.section, print)


@pytest.mark.parametrize(
    ("certificate", "name"),
    [
        (None, ""),
        ({}, ""),
        ({"subject": ((("organizationName", "x"),),)}, ""),
        ({"subject": ((("commonName", "a.b"),),)}, "a.b"),
        ({"subject": ((("commonName", "a.b"),), (("commonName", "c.d"),))}, ""),
    ],
)
def test_a_certificate_with_no_name_or_two_is_nobodys(certificate: object, name: str) -> None:
    assert common_name(certificate) == name
