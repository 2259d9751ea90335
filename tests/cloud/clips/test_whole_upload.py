"""A bed's own uploader against the cloud's own listener over mutual TLS: into a folder, and to a real S3; cut, slow and hostile."""

from __future__ import annotations

import asyncio
import os
import random
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from cloud.clips import transfer
from cloud.clips.routes import create_bed_app
from cloud.clips.service import ClipParts
from cloud.clips.tables import ReceivedChunk, StoredObject
from cloud.database import DatabaseAddress
from cloud.devices.authority import Authority
from cloud.devices.limits import BedLimits
from cloud.objects import Objects, object_key
from cloud.processes.listeners import Listener, bed_listener
from cloud.settings import BedsSection, ObjectsSection
from edge_agent.clips.manifest import make_manifest
from edge_agent.clips.store import ClipStore
from edge_agent.database import open_database
from edge_agent.outbox.store import Outbox
from edge_agent.transfer.cloud_client import CloudAddress, CloudClient
from edge_agent.transfer.pace import Pace, RatePlan
from edge_agent.transfer.uploader import Uploader
from shared.clip import CHUNK_BYTES, ProxyFile, RawPolicy
from shared.clock import NS_PER_S, SystemClock
from shared.frame import Stream
from shared.ids import uuid7
from shared.receipt import Receipt, ReceiptKind
from shared.segment import hash_file
from tests.brokers import free_port
from tests.cloud.facts import Thing, manifest, stored_event
from tests.edge_agent.hand_clock import BOOT, UTC_NS, HandClock
from tests.edge_agent.outbox.reports import make_report
from tests.edge_agent.ring_files import add_segment, make_folder, make_frames
from tests.gates import Gate
from tests.object_stores import Swift

MANIFESTS_BYTES = 20_000
"""More than all questions of one clip are long, and far less than a chunk."""


async def _no_verdict(_event_id: object) -> None:
    return None


@dataclass(frozen=True)
class Cloud:
    """A listener for beds over a store, and the certificates to reach it."""

    objects: Objects
    section: BedsSection
    authority: Authority
    folder: Path

    def certificate(self, name: str = "north.bed-4") -> tuple[Path, Path]:
        return self.authority.issue_files(name, self.folder)

    def context(self) -> ssl.SSLContext:
        found = ssl.create_default_context(cafile=str(self.authority.certificate_file))
        found.load_cert_chain(*self.certificate("north.bed-1"))
        return found


@asynccontextmanager
async def listening(folder: Path, store: ObjectsSection) -> AsyncIterator[Cloud]:
    authority = Authority.open(folder / "ca")
    certificate, key = authority.issue_files("server", folder, ("127.0.0.1",))
    section = BedsSection(
        port=free_port(), certificate_file=certificate, key_file=key, ca_file=authority.certificate_file,
        requests_per_s=1e4,
    )  # fmt: skip
    objects, heard = Objects(store), asyncio.Event()
    app = create_bed_app(
        ClipParts.of(objects, lambda _site: RawPolicy.always, _no_verdict),
        BedLimits(section, SystemClock().monotonic_ns),
    )
    listener: Listener = bed_listener(app, section, lambda _listener: heard.set())
    serving = asyncio.create_task(listener.serve())
    await heard.wait()
    try:
        yield Cloud(objects, section, authority, folder)
    finally:
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving


@pytest.fixture(params=["folder", "swift"])
async def cloud(request: pytest.FixtureRequest, database: DatabaseAddress, tmp_path: Path) -> AsyncIterator[Cloud]:
    if request.param == "folder":
        store = ObjectsSection(url=f"file://{tmp_path / 'objects'}")
    else:
        swift: Swift = request.getfixturevalue("swift")
        store = swift.section("whole-upload")
    async with listening(tmp_path, store) as found:
        yield found


@pytest.fixture
async def folder_cloud(database: DatabaseAddress, tmp_path: Path) -> AsyncIterator[Cloud]:
    async with listening(tmp_path, ObjectsSection(url=f"file://{tmp_path / 'objects'}")) as found:
        yield found


class Bed:
    """One ready clip of a proxy of two chunks and one segment, and its uploader; the clock jumps over every pause."""

    def __init__(self, folder: Path, cloud: Cloud, port: int, store_origin: str | None) -> None:
        self.folder = make_folder(folder)
        self.clock = HandClock()
        self.sizes = 0
        with closing(open_database(self.folder)) as connection:
            self.segment = add_segment(self.folder, connection, make_frames(10, 12))
            self.proxy = self._proxy(random.Random(7).randbytes(CHUNK_BYTES + 99))
            self.report = make_report(
                "closed", event_id=uuid7(UTC_NS), clip_start_mono_ns=10 * NS_PER_S, start_mono_ns=10 * NS_PER_S,
                end_mono_ns=12 * NS_PER_S, clip_end_mono_ns=12 * NS_PER_S,
            )  # fmt: skip
            outbox = Outbox(connection, "north", "bed-4")
            sequence = outbox.record(self.report, UTC_NS)
            assert sequence is not None
            known = Receipt(
                event_id=self.report.event_id, sequence=sequence, kind=ReceiptKind.stored, committed_utc_ns=UTC_NS
            )
            outbox.receive(known, UTC_NS)
            ClipStore(connection).make_ready(make_manifest(connection, self.report, [self.proxy]))
        self.address = CloudAddress(
            f"https://127.0.0.1:{port}", cloud.authority.certificate_file, *cloud.certificate(), store_origin
        )

    def _proxy(self, content: bytes) -> ProxyFile:
        path = self.folder / "proxies" / "new"
        path.write_bytes(content)
        sha256 = hash_file(path)
        path.rename(path.with_name(f"{sha256}.mp4"))
        return ProxyFile(
            stream=Stream.ir, sha256=sha256, size_bytes=len(content), codec="avc1.42c01e", width=2, height=2,
            frame_mono_ns=[1],
        )  # fmt: skip

    def run(self) -> int:
        """Until the pin is gone; the bytes that were sent. Call it from a thread."""
        with closing(open_database(self.folder)) as connection:
            client = CloudClient(self.address, Pace(RatePlan(0), self.clock, lambda _s: False, lambda: None))
            uploader = Uploader(self.folder, ClipStore(connection), client, self.clock, random.Random(1))
            uploader.look()
            for _ in range(200):
                if not uploader.turn().busy:
                    self.clock.advance(5)
                if connection.execute("SELECT count(*) FROM pins").fetchone()[0] == 0:
                    break
            client.close()
            return client.sent_bytes


async def event_at(bed: Bed) -> None:
    await stored_event(bed="bed-4", event_id=bed.report.event_id, boot_id=BOOT)


async def held(cloud: Cloud, sha256: str) -> bytes:
    return b"".join([piece async for piece in cloud.objects.read(object_key("north", sha256))])


async def test_a_clip_arrives_whole_and_is_sent_once(cloud: Cloud, tmp_path: Path) -> None:
    origin = None if cloud.objects.folder else cloud.objects.s3.endpoint
    bed = Bed(tmp_path / "bed", cloud, cloud.section.port, origin)
    await event_at(bed)
    sent = await asyncio.to_thread(bed.run)
    assert await held(cloud, bed.segment.sha256) == bed.segment.path(bed.folder).read_bytes()
    assert len(await held(cloud, bed.proxy.sha256)) == bed.proxy.size_bytes
    assert 0 < sent - bed.proxy.size_bytes - bed.segment.size_bytes < MANIFESTS_BYTES
    assert await StoredObject.all().count() == 2


async def test_cuts_cost_at_most_one_chunk_each(folder_cloud: Cloud, tmp_path: Path) -> None:
    cloud, dice, cuts = folder_cloud, random.Random(3), 4
    gate = Gate(cloud.section.port)
    bed = Bed(tmp_path / "bed", cloud, gate.port, None)
    await event_at(bed)
    running = asyncio.create_task(asyncio.to_thread(bed.run))
    for _ in range(cuts):
        gate.cut_after_bytes = dice.randrange(1, CHUNK_BYTES)
        await until(lambda: gate.cut_after_bytes is None or running.done())
    sent = await running
    gate.close()
    assert await StoredObject.all().count() == 2
    assert sent <= bed.proxy.size_bytes + bed.segment.size_bytes + cuts * CHUNK_BYTES + MANIFESTS_BYTES


async def test_two_uploaders_on_one_clip_bring_it_once(folder_cloud: Cloud, tmp_path: Path) -> None:
    bed = Bed(tmp_path / "bed", folder_cloud, folder_cloud.section.port, None)
    await event_at(bed)
    await asyncio.gather(asyncio.to_thread(bed.run), asyncio.to_thread(bed.run))
    assert await StoredObject.all().count() == 2
    assert len(await held(folder_cloud, bed.proxy.sha256)) == bed.proxy.size_bytes


LARGE = Thing(b"\x05" * CHUNK_BYTES)


@pytest.fixture
def silent() -> Iterator[None]:
    before, transfer.SILENCE_S = transfer.SILENCE_S, 0.2
    yield
    transfer.SILENCE_S = before


@pytest.mark.parametrize("ends", ["silent", "gone"])
async def test_a_bed_that_stops_in_the_middle_of_a_chunk_leaves_no_file_and_no_descriptor(
    folder_cloud: Cloud, silent: None, ends: str
) -> None:
    cloud, before = folder_cloud, open_files()
    await accept(cloud)
    answer = b""
    for _ in range(3):
        reader, writer = await asyncio.open_connection("127.0.0.1", cloud.section.port, ssl=cloud.context())
        writer.write(head_of(CHUNK_BYTES) + b"\x05" * 2_000_000)
        await writer.drain()
        if ends == "silent":
            answer = await asyncio.wait_for(reader.read(), 30)
        else:
            await until(lambda: list_uploads(cloud))
            writer.transport.abort()
        writer.close()
        await until(lambda: not list_uploads(cloud))
    assert (b" 408 " in answer) == (ends == "silent")
    assert await ReceivedChunk.all().count() == 0
    await until(lambda: open_files() <= before)


async def test_a_length_that_lies_is_refused_before_its_bytes(folder_cloud: Cloud) -> None:
    await accept(folder_cloud)
    for length in (CHUNK_BYTES - 1, CHUNK_BYTES + 1, 10**15):
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", folder_cloud.section.port, ssl=folder_cloud.context()
        )
        writer.write(head_of(length))
        answer = await asyncio.wait_for(reader.read(), 30)
        writer.close()
        assert b" 422 " in answer
        assert b"Content-Length: 16777216 bytes are due" in answer
    assert list_uploads(folder_cloud) == []


async def accept(cloud: Cloud) -> None:
    """The cloud expects the large thing of bed 1."""
    from cloud.clips.service import Caller, accept_manifest

    parts = ClipParts.of(cloud.objects, lambda _site: RawPolicy.always, _no_verdict)
    await accept_manifest(parts, Caller("north", "bed-1"), manifest(await stored_event(), [LARGE], []))


def head_of(length: int) -> bytes:
    path = f"/bed/v1/objects/{LARGE.sha256}/chunks/0?size_bytes={LARGE.size_bytes}"
    return (
        f"PUT {path} HTTP/1.1\r\nHost: cloud\r\nX-Chunk-Sha256: {LARGE.sha256}\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


def list_uploads(cloud: Cloud) -> list[Path]:
    assert cloud.objects.folder is not None
    return [path for path in cloud.objects.folder.glob("sites/*/uploads/*/*") if path.is_file()]


def open_files() -> int:
    return sum(1 for each in psutil.Process(os.getpid()).open_files() if "/uploads/" in each.path)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.005)
