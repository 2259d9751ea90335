"""What the upload bench runs: a cloud's api with its database, a bare sink, and beds that send files to either."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from cloud.database import DatabaseAddress, EmbeddedServer, ensure_database, open_tables
from cloud.devices.authority import Authority
from cloud.schema import migrate_database
from edge_agent.transfer.cloud_client import CloudAddress, CloudClient
from edge_agent.transfer.pace import Pace, RatePlan
from shared.clip import CHUNK_BYTES, chunk_count
from shared.clock import SystemClock
from shared.ids import uuid7
from tests.brokers import free_port
from tests.cloud.facts import UTC_NS, manifest, stored_event
from tests.databases import debian_postgres, debian_programs
from tests.waiting import wait_for

RECEIVE_BYTES = 256 * 1024


@dataclass(frozen=True)
class BigThing:
    """A file and its hash; looks like tests.cloud.facts.Thing to a manifest."""

    path: Path
    sha256: str
    size_bytes: int


def make_file(path: Path, size_bytes: int) -> BigThing:
    """Random bytes on the disk."""
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for start in range(0, size_bytes, CHUNK_BYTES):
            piece = os.urandom(min(CHUNK_BYTES, size_bytes - start))
            digest.update(piece)
            file.write(piece)
    return BigThing(path, digest.hexdigest(), size_bytes)


@contextmanager
def database(folder: Path) -> Iterator[DatabaseAddress]:
    """Debian's PostgreSQL with its promises kept (fsync on), else the embedded one; migrated."""
    programs = debian_programs()
    if programs is not None:
        with debian_postgres(programs, options=()) as address:
            found = asyncio.run(ensure_database(address, "bench"))
            asyncio.run(migrate_database(found))
            yield found
        return
    server = EmbeddedServer(folder / "database")
    found = asyncio.run(ensure_database(server.start(), "bench"))
    asyncio.run(migrate_database(found))
    yield found
    server.stop()


class Api:
    """`deepepil-cloud api` on a folder store, in a process of its own; its memory is watched."""

    def __init__(self, folder: Path, address: DatabaseAddress) -> None:
        self.address = address
        self.authority = Authority.open(folder / "ca")
        self.folder = folder
        self.port = free_port()
        certificate, key = self.authority.issue_files("server", folder, ("127.0.0.1",))
        self._config = folder / "cloud.toml"
        self._config.write_text(
            f'mode = "demo"\n[database]\nurl = "{address.url}"\n[objects]\nurl = "file://{folder}/objects"\n'
            f'[mqtt]\nhost = "127.0.0.1"\n[people]\nport = {free_port()}\n[site]\nraw_policy = "always"\n'
            f'[beds]\nport = {self.port}\nrequests_per_s = 10000.0\ncertificate_file = "{certificate}"\n'
            f'key_file = "{key}"\nca_file = "{self.authority.certificate_file}"\n'
        )
        self.peak_rss_bytes = 0

    def start(self) -> None:
        """Returns when it listens."""
        with (self.folder / "api.log").open("wb") as log:
            command = [sys.executable, "-m", "cloud.cli", "api", "--config", str(self._config)]
            self._child = subprocess.Popen(command, stdout=log, stderr=log)
        wait_for(lambda: _listens(self.port), f"the api: see {self.folder / 'api.log'}", 60)
        self._process = psutil.Process(self._child.pid)
        self.peak_rss_bytes = self._process.memory_info().rss
        self._watching = True
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        with suppress(psutil.Error):
            while self._watching:
                self.peak_rss_bytes = max(self.peak_rss_bytes, self._process.memory_info().rss)
                time.sleep(0.02)

    @property
    def cpu_s(self) -> float:
        """CPU seconds of the process so far."""
        times = self._process.cpu_times()
        return float(times.user + times.system)

    def client(self, bed: str, port: int | None = None) -> CloudClient:
        """A bed's client, without a limit of its own; to another server than the api where a port is given."""
        certificate, key = self.authority.issue_files(f"north.{bed}", self.folder / "beds")
        address = CloudAddress(
            f"https://127.0.0.1:{port or self.port}", self.authority.certificate_file, certificate, key
        )
        return CloudClient(address, Pace(RatePlan(0), SystemClock(), lambda _s: False, lambda: None))

    def expect(self, things: dict[str, BigThing]) -> None:
        """By bed: the cloud has an event of it and a manifest that names the thing."""
        asyncio.run(self._expect(things))

    async def _expect(self, things: dict[str, BigThing]) -> None:
        async with open_tables(self.address):
            events = {bed: await stored_event(bed=bed, event_id=uuid7(UTC_NS)) for bed in things}
        for bed, thing in things.items():
            client = self.client(bed)
            client.put_clip(manifest(events[bed], [], [thing]))  # type: ignore[list-item]
            client.close()

    def stop(self) -> None:
        """Ends the process."""
        self._watching = False
        self._child.send_signal(signal.SIGTERM)
        try:
            self._child.wait(30)
        finally:
            self._child.kill()


def send(client: CloudClient, thing: BigThing) -> None:
    """As the uploader does: chunk by chunk, then complete."""
    with thing.path.open("rb") as file:
        for number in range(chunk_count(thing.size_bytes)):
            client.put_chunk(thing.sha256, thing.size_bytes, number, file.read(CHUNK_BYTES))
    client.complete(thing.sha256, thing.size_bytes)
    client.close()


class BareSink(threading.Thread):
    """The least that a server can do over the same TLS: reads each body, hashes it once, writes it; complete flushes the file."""

    def __init__(self, folder: Path, authority: Authority) -> None:
        super().__init__(daemon=True)
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(authority.certificate_file))
        self._context.verify_mode = ssl.CERT_REQUIRED
        self._context.load_cert_chain(*authority.issue_files("server", folder, ("127.0.0.1",)))
        self._server = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = int(self._server.getsockname()[1])

    def run(self) -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=(self._server.accept()[0],), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        with suppress(OSError), self._context.wrap_socket(plain, server_side=True) as connection:
            kept = bytearray()
            while True:
                while b"\r\n\r\n" not in kept:
                    piece = connection.recv(65_536)
                    if not piece:
                        return
                    kept += piece
                head, _, rest = bytes(kept).partition(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                self._take(connection, rest, length)
                kept = bytearray()
                ok = b"HTTP/1.1 204 No Content\r\n\r\n"
                connection.sendall(ok if length else b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    def _take(self, connection: ssl.SSLSocket, first: bytes, length: int) -> None:
        digest, left = hashlib.sha256(first), length - len(first)
        buffer = memoryview(bytearray(RECEIVE_BYTES))
        with (self._folder / f"{threading.get_ident()}").open("ab", buffering=0) as file:
            file.write(first)
            while left:
                count = connection.recv_into(buffer[: min(left, RECEIVE_BYTES)])
                digest.update(buffer[:count])
                file.write(buffer[:count])
                left -= count
            if not length:
                os.fsync(file.fileno())

    def stop(self) -> None:
        """Listens no more."""
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


__all__ = ["Api", "BareSink", "BigThing", "database", "make_file", "send"]
