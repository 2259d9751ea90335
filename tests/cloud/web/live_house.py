"""Two beds that can be watched, in one process with the application: their real processes, a real broker, a real ingester."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from cloud.database import DatabaseAddress
from cloud.ingest.broker_link import BrokerLink
from cloud.ingest.intake import Intake
from cloud.ingest.service import Taker
from cloud.live_view.passing import LivePasser
from cloud.settings import MqttSection
from edge_agent.processes import heartbeat, publisher
from edge_agent.settings import Settings
from shared.clock import SystemClock
from shared.frame import Stream
from tests.brokers import Broker, brokers
from tests.cloud.people_house import House
from tests.cloud.web.served_house import served
from tests.edge_agent.live.studio_camera import studio_camera
from tests.edge_agent.processes.running import make_settings, running

BEDS = ("bed-1", "bed-2")


_CONFIG = """[bed]
site = "north"
bed = "{bed}"
[storage]
folder = "{folder}"
max_bytes = 1_000_000_000
[source]
kind = "simulator"
[detector]
releases_folder = "releases"
release = "none"
[mqtt]
host = "127.0.0.1"
port = 1
[cloud]
url = "http://127.0.0.1:1"
[live]
network = "127.0.0.0/8"
viewers = 3
"""


class LiveBed:
    """One bed of the site north: camera, publisher and heartbeat in threads, the live view as a process of its own."""

    def __init__(self, folder: Path, name: str, broker: Broker) -> None:
        self.folder = folder
        self.settings: Settings = make_settings(folder, mqtt_port=broker.port, bed=name)
        self._config = folder / "bed.toml"
        self._config.write_text(_CONFIG.format(bed=name, folder=folder))
        self._stack = ExitStack()
        self._live: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """All that a live view needs."""
        self._stack.enter_context(studio_camera(self.folder, Stream.ir, Stream.depth))
        for module in (publisher, heartbeat):
            self._stack.enter_context(running(module, self.settings))
        self.start_live()

    def start_live(self) -> None:
        """The live process."""
        command = [sys.executable, "-m", "edge_agent.cli", "process", "live", "--config", str(self._config)]
        with (self.folder / "live.log").open("ab") as log:
            self._live = subprocess.Popen(command, stdout=log, stderr=log)

    def kill_live(self) -> None:
        """As a power cut would: nobody is told anything."""
        if self._live is not None:
            self._live.kill()
            self._live.wait()

    def stop(self) -> None:
        """Ends everything; the broker hears a goodbye."""
        self.kill_live()
        self._stack.close()


@dataclass
class LiveHouse:
    """The address of the pages, and the beds by name."""

    house: House
    address: str
    beds: dict[str, LiveBed]
    broker: Broker


@asynccontextmanager
async def live_house(folder: Path, house: House, database: DatabaseAddress) -> AsyncIterator[LiveHouse]:
    """Everything runs and both beds have told of themselves; the application has this machine's clock."""
    house.clock.now_ns = time.time_ns()
    house.parts = replace(house.parts, clock=SystemClock())
    with brokers(folder) as make_broker:
        broker = make_broker()
        async with AsyncExitStack() as stack:
            await _ingester(stack, broker, database)
            beds = {name: LiveBed(folder / name, name, broker) for name in BEDS}
            for bed in beds.values():
                stack.callback(bed.stop)
                await asyncio.to_thread(bed.start)
            yield LiveHouse(house, await stack.enter_async_context(served(house)), beds, broker)


async def _ingester(stack: AsyncExitStack, broker: Broker, database: DatabaseAddress) -> None:
    connected = asyncio.Event()
    link = BrokerLink(MqttSection(host="127.0.0.1", port=broker.port), connected.set)
    loops = [
        asyncio.create_task(work)
        for work in (Intake(link, Taker(600), random.Random(1)).run(), LivePasser(link, database).run())
    ]
    link.start()

    async def end() -> None:
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
        await link.close()

    stack.push_async_callback(end)
    await asyncio.wait_for(connected.wait(), 30)
