"""Api and ingester as they run, in one event loop: real listeners, real broker, real database, and a clean stop."""

from __future__ import annotations

import asyncio
import ssl
import sys
from collections.abc import Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from cloud.accounts.tables import Account
from cloud.database import DatabaseAddress, open_tables
from cloud.devices.authority import Authority
from cloud.devices.queries import beds
from cloud.principal import Principal
from cloud.processes.api import run_api
from cloud.processes.migrate import prepare
from cloud.settings import CloudSettings, load_settings
from shared.envelope import seal
from shared.errors import Refused, Transient
from shared.topics import Address, Topic
from tests.brokers import Broker, brokers, free_port
from tests.cloud.facts import UTC_NS, Thing, manifest, report

EVENT = Address("north", "bed-1", Topic.event)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with brokers(tmp_path) as make:
        yield make()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.open(tmp_path / "ca")


@pytest.fixture
def config(module_database: DatabaseAddress, tmp_path: Path, broker: Broker, authority: Authority) -> Path:
    authority.issue_files("server", tmp_path, ("127.0.0.1",))
    path = tmp_path / "cloud.toml"
    path.write_text(f"""mode = "demo"
[database]
url = "{module_database.url}"
[objects]
url = "file://{tmp_path / "objects"}"
[mqtt]
host = "127.0.0.1"
port = {broker.port}
[people]
port = {free_port()}
[beds]
port = {free_port()}
certificate_file = "server.crt"
key_file = "server.key"
ca_file = "ca/ca.crt"
""")
    return path


@pytest.fixture
def settings(config: Path) -> CloudSettings:
    return load_settings(config)


@asynccontextmanager
async def running(process: Any, settings: CloudSettings) -> Any:
    stop = asyncio.Event()
    task = asyncio.create_task(process(settings, stop))
    try:
        yield task
    finally:
        stop.set()
        await asyncio.wait_for(task, 60)


def bed_at(settings: CloudSettings, authority: Authority, folder: Path) -> httpx.AsyncClient:
    """A bed's client with its certificate."""
    context = ssl.create_default_context(cafile=str(authority.certificate_file))
    context.load_cert_chain(*authority.issue_files("north.bed-1", folder))
    return httpx.AsyncClient(base_url=f"https://127.0.0.1:{settings.beds.port}", verify=context)


async def answer(client: httpx.AsyncClient, method: str, path: str, wanted: int, **more: Any) -> httpx.Response:
    """The answer, asked for until the status is the wanted one."""

    async def ask() -> httpx.Response:
        while True:
            try:
                found = await client.request(method, path, **more)
                if found.status_code == wanted:
                    return found
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.02)

    return await asyncio.wait_for(ask(), 30)


async def test_the_api_serves_people_and_beds_and_stops(
    settings: CloudSettings, authority: Authority, tmp_path: Path
) -> None:
    url = f"http://127.0.0.1:{settings.people.port}"
    async with httpx.AsyncClient(base_url=url) as person, bed_at(settings, authority, tmp_path) as bed:
        async with running(run_api, settings):
            about = await answer(person, "GET", "/api/v1/about", 200)
            assert "research use" in about.text
            await answer(bed, "GET", f"/bed/v1/objects/{'a' * 64}?size_bytes=1", 404)
        with pytest.raises(httpx.TransportError):
            await person.get("/api/v1/about")


async def test_an_event_by_mqtt_makes_its_clip_welcome_by_https(
    config: Path, settings: CloudSettings, authority: Authority, tmp_path: Path
) -> None:
    await prepare(settings, [])
    body = report()
    bed_mqtt = Client(CallbackAPIVersion.VERSION2)
    bed_mqtt.connect_async("127.0.0.1", settings.mqtt.port)

    async def tell() -> None:
        while True:  # as a bed does: again until there is a receipt
            bed_mqtt.publish(EVENT.text, seal(EVENT, body, UTC_NS, sequence=1), 1)
            await asyncio.sleep(0.2)

    ingester = [sys.executable, "-m", "cloud.cli", "ingester", "--config", str(config), "--end-with-parent"]
    async with running(run_api, settings), bed_at(settings, authority, tmp_path) as bed:
        shown = manifest(body.event_id, [Thing(b"proxy")], []).model_dump_json()
        await answer(bed, "PUT", f"/bed/v1/clips/{body.event_id}", 404, content=shown)
        process = await asyncio.create_subprocess_exec(*ingester)
        bed_mqtt.loop_start()
        telling = asyncio.create_task(tell())
        try:
            found = await answer(bed, "PUT", f"/bed/v1/clips/{body.event_id}", 200, content=shown)
            assert [item["chunks"] for item in found.json()["missing"]] == [[0]]
        finally:
            telling.cancel()
            process.terminate()
            bed_mqtt.disconnect()
            bed_mqtt.loop_stop()
        assert await asyncio.wait_for(process.wait(), 60) == 0


async def test_the_preparation_makes_beds_and_the_first_account_once(settings: CloudSettings) -> None:
    first = await prepare(settings, ["north.bed-1", "south.bed-9"])
    assert first is not None
    assert len(first.password) >= 12
    assert await prepare(settings, ["north.bed-1"]) is None
    async with open_tables(DatabaseAddress.parse(settings.database.url), 2):
        known = [(bed.site, bed.name) for bed in await beds(Principal.system("test"))]
        assert known == [("north", "bed-1"), ("south", "bed-9")]
        assert await Account.all().count() == 1


async def test_the_preparation_names_what_it_cannot_do(settings: CloudSettings) -> None:
    with pytest.raises(Refused, match=r"north/bed.*site\.bed"):
        await prepare(settings, ["north/bed"])
    gone = settings.model_copy(
        update={"database": settings.database.model_copy(update={"url": "postgresql://a:b@127.0.0.1:1/none"})}
    )
    with pytest.raises(Transient, match="cannot be reached"):
        await prepare(gone, [])
