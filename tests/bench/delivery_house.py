"""What the bench of delivery runs: Mosquitto over mutual TLS with an access list, PostgreSQL that keeps its promises, an ingester."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import psutil

from cloud.database import DatabaseAddress
from cloud.demo.broker import access_list
from cloud.devices.authority import Authority
from tests.authority import HERE, Certificate, TestAuthority
from tests.bench.upload_house import database
from tests.brokers import Broker, free_port
from tests.waiting import wait_for

CLOUD_NAME = "cloud"
BROKER_QUEUE = 100_000
START_LIMIT_S = 60.0
STOP_LIMIT_S = 30.0


@dataclass(frozen=True, slots=True)
class Count:
    """What the database holds."""

    events: int
    messages: int
    tasks: int


class House:
    """Broker, database and ingester, each in processes of its own; `bed_files` are the certificates of the beds."""

    def __init__(self, folder: Path, address: DatabaseAddress, beds: list[str]) -> None:
        self.folder = folder
        self.address = address
        self.authority = Authority.open(folder / "ca")
        self.ca_file = self.authority.certificate_file
        self.beds = {name: self.authority.issue_files(name, folder / "beds") for name in beds}
        server = Certificate(*self.authority.issue_files("broker", folder / "ca", HERE))
        acl = folder / "acl"
        acl.write_text(access_list(beds, CLOUD_NAME))
        more = f"acl_file {acl}\nmax_queued_messages {BROKER_QUEUE}\nmessage_size_limit 131072"
        self.broker = Broker(
            folder, authority=TestAuthority(folder / "ca"), server=server, more=more, log="error\nlog_type warning"
        )
        self._config = self._write_config()
        self._child: subprocess.Popen[bytes] | None = None

    def _write_config(self) -> Path:
        cloud, key = self.authority.issue_files(CLOUD_NAME, self.folder / "ca")
        server, server_key = self.authority.issue_files("server", self.folder / "ca", HERE)
        path = self.folder / "cloud.toml"
        path.write_text(
            f'mode = "demo"\n[database]\nurl = "{self.address.url}"\n[objects]\nurl = "file://{self.folder}/objects"\n'
            f'[mqtt]\nhost = "127.0.0.1"\nport = {self.broker.port}\nca_file = "{self.ca_file}"\n'
            f'certificate_file = "{cloud}"\nkey_file = "{key}"\n'
            f'[beds]\nport = {free_port()}\ncertificate_file = "{server}"\nkey_file = "{server_key}"\nca_file = "{self.ca_file}"\n'
        )
        return path

    def start(self) -> None:
        """Returns when the ingester hears the broker."""
        self.broker.start()
        with (self.folder / "ingester.log").open("wb") as log:
            command = [sys.executable, "-m", "cloud.cli", "ingester", "--config", str(self._config)]
            self._child = subprocess.Popen(command, stdout=log, stderr=log)
        wait_for(
            lambda: "ingester_connected" in self.ingester_log,
            f"the ingester: see {self.folder}/ingester.log",
            START_LIMIT_S,
        )

    @property
    def ingester_log(self) -> str:
        """What the ingester said."""
        return (self.folder / "ingester.log").read_text(errors="replace")

    def stop(self) -> None:
        """Ends what was started here, in any state."""
        if self._child is not None:
            self._child.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self._child.wait(STOP_LIMIT_S)
            self._child.kill()
            self._child.wait()
        self.broker.kill()

    def cpu_s(self) -> dict[str, float]:
        """CPU seconds so far of each part, this process included: it plays the beds."""
        parts = {
            "broker": self.broker.pid,
            "ingester": self._child.pid if self._child else None,
            "postgres": self._postgres(),
        }
        used = {name: _cpu_s(pid) for name, pid in parts.items() if pid is not None}
        mine = psutil.Process().cpu_times()
        return {**used, "beds": mine.user + mine.system}

    def _postgres(self) -> int | None:
        for path in (Path(self.address.host) / "data" / "postmaster.pid", Path(self.address.host) / "postmaster.pid"):
            if path.exists():
                return int(path.read_text().split()[0])
        return None

    def count(self) -> Count:
        """What arrived, by the database's own word."""
        return asyncio.run(_count(self.address))


async def _count(address: DatabaseAddress) -> Count:
    connection = await asyncpg.connect(address.url, timeout=30)
    try:
        tables = ("event", "bed_message", "review_task")
        counts = [await connection.fetchval(f"SELECT count(*) FROM {table}") for table in tables]  # noqa: S608
    finally:
        await connection.close()
    return Count(*counts)


def _cpu_s(pid: int) -> float:
    total = 0.0
    with suppress(psutil.Error):
        first = psutil.Process(pid)
        for process in (first, *first.children(recursive=True)):
            with suppress(psutil.Error):
                times = process.cpu_times()
                total += times.user + times.system
    return total


class Shares:
    """How much of a core each part used since it was made."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._start_s = time.monotonic()
        self._before = house.cpu_s()

    def so_far(self) -> dict[str, float]:
        """Share of one core by part."""
        wall_s = max(time.monotonic() - self._start_s, 1e-3)
        return {name: (used - self._before.get(name, used)) / wall_s for name, used in self._house.cpu_s().items()}

    def __str__(self) -> str:
        return told(self.so_far())


def told(shares: Mapping[str, float]) -> str:
    """Shares as a line for people."""
    return ", ".join(f"{name} {share:.2f}" for name, share in shares.items())


@contextmanager
def house(folder: Path, beds: list[str]) -> Iterator[House]:
    """All of it for the time of the block; ended whatever happens."""
    with database(folder) as address:
        made = House(folder, address, beds)
        try:
            made.start()
            yield made
        finally:
            made.stop()
