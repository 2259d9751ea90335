"""What the live view costs: the recorder's share of a core with five viewers, and how soon a page shows a bed after the click.

The bed is the real capture loop, recorder and live process as processes of their own, fed from frames rendered beforehand; the
viewers are five aiortc peers in a further process, so that what they decode is not counted. Part of `make bench-web`.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import threading
from contextlib import ExitStack
from multiprocessing.synchronize import Event
from pathlib import Path

import psutil

from cloud.database import DatabaseAddress
from edge_agent.bus import Publisher, Subscriber
from edge_agent.bus_messages import BusTopic
from edge_agent.live.network import listen_only_within
from shared.frame import Stream
from shared.live_view import LiveOffer, ViewPhase
from shared.results import Figure
from tests.bench.bench_recorder import RENDERED_S, SETTINGS, WARM_UP_S, Bed, bed_that_records
from tests.bench.rendered import KINECT_V2, render
from tests.cloud.people_house import open_house
from tests.cloud.web.browser import browser, review_page
from tests.cloud.web.live_house import live_house
from tests.cloud.web.live_pages import join_by_click, open_beds
from tests.edge_agent.live.viewer import Viewer
from tests.waiting import wait_for

STREAMS = (Stream.ir, Stream.ir, Stream.ir, Stream.depth, Stream.colour)
MEASURED_S = 60.0
JOINS = 5
_QUIET = threading.Event()
NETWORK = "127.0.0.0/8"
LIVE = f'[live]\nnetwork = "{NETWORK}"\n'


def _share(bed: Bed, seconds: float) -> float:
    before = bed.cpu_s()
    _QUIET.wait(seconds)
    return (bed.cpu_s() - before) / seconds


def _watch(folder: Path, ready: Event, over: Event) -> None:
    """Five viewers until `over`; offers and reports go by the bed's bus, as the publisher brings them."""

    listen_only_within(NETWORK)

    async def watch() -> None:
        bus, inbox = Publisher(folder, "publisher"), Subscriber(folder, (BusTopic.view, BusTopic.beat))
        viewers = [Viewer(stream) for stream in STREAMS]
        while inbox.receive(1000) is None:
            pass
        for viewer in viewers:
            await viewer.take(await _answer(bus, inbox, await viewer.offer()))
        while not all(viewer.frames for viewer in viewers):
            await asyncio.sleep(0.05)
        ready.set()
        while not over.is_set():
            await asyncio.sleep(0.1)
            for viewer in viewers:
                viewer.frames.clear()

    asyncio.run(watch())


async def _answer(bus: Publisher, inbox: Subscriber, offer: LiveOffer) -> str:
    turn = 0
    while True:
        if turn % 100 == 0:
            bus.publish(BusTopic.offer, offer)
        turn += 1
        found = inbox.receive(0)
        if found is None:
            await asyncio.sleep(0.01)
        elif found[0] is BusTopic.view and found[1].view_id == offer.view_id:
            assert found[1].phase is ViewPhase.answered, found[1].sentence
            return str(found[1].sdp)


def figures_of_recorder() -> dict[str, Figure]:
    """Points of a core that the recorder takes more with five viewers (3 infrared, depth, colour), and what the live process takes."""
    context = multiprocessing.get_context("spawn")
    ready, over = context.Event(), context.Event()
    with tempfile.TemporaryDirectory(prefix="deepepil-bench-live-") as place, ExitStack() as stack:
        folder = Path(place)
        render(folder, KINECT_V2, RENDERED_S)
        frames = folder / f"{KINECT_V2.name}-{RENDERED_S}"
        bed = stack.enter_context(bed_that_records(folder / "bed", "bed-1", frames, KINECT_V2))
        live = stack.enter_context(_Live(folder / "bed"))
        _QUIET.wait(WARM_UP_S)
        idle_s = sum(live.cpu_times()[:2])
        alone = _share(bed, MEASURED_S)
        idle = (sum(live.cpu_times()[:2]) - idle_s) / MEASURED_S
        viewers = context.Process(target=_watch, args=(bed.folder, ready, over), daemon=True)
        viewers.start()
        stack.callback(viewers.join, 20)
        stack.callback(over.set)
        wait_for(ready.is_set, "five viewers with pictures", longest_s=120)
        busy_s = sum(live.cpu_times()[:2])
        watched = _share(bed, MEASURED_S)
        busy = (sum(live.cpu_times()[:2]) - busy_s) / MEASURED_S
    points = 100 * (watched - alone)
    return {
        "live_recorder_points": Figure(round(points, 2), "points of a core, 5 viewers", "<= 5", points <= 5),
        "live_core_share": Figure(round(busy, 3), "of one core, 5 viewers of 3 streams"),
        "live_idle_core_share": Figure(round(idle, 4), "of one core, no viewer"),
    }


class _Live:
    """The live process beside a bed that records, with a network set."""

    def __init__(self, folder: Path) -> None:
        self._config = folder / "live.toml"
        self._config.write_text(SETTINGS.format(bed="bed-1", folder=folder / "data") + LIVE)
        self._log = folder / "live.log"

    def __enter__(self) -> psutil.Process:
        command = [sys.executable, "-m", "edge_agent.cli", "process", "live", "--config", str(self._config)]
        environment = {key: value for key, value in os.environ.items() if key != "DEEPEPIL_SUPERVISOR_PID"}
        with self._log.open("wb") as log:
            self._child = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        return psutil.Process(self._child.pid)

    def __exit__(self, *_: object) -> None:
        self._child.terminate()
        self._child.wait(20)


async def figures_of_joining(folder: Path, database: DatabaseAddress) -> dict[str, Figure]:
    """From the click on the beds page to the first picture, over a real broker; the slowest of some."""
    took = []
    async with open_house(folder / "live") as house, live_house(folder, house, database) as ward, browser() as opened:
        await house.account("watcher", "clinician", "north")
        token = await house.session("watcher")
        for bed in list(ward.beds) * JOINS:
            async with review_page(opened, ward.address, token) as review:
                await open_beds(review.page, ward.address, bed)
                took.append(await join_by_click(review.page, bed))
                await review.page.get_by_test_id("live-end").click()
    slowest = max(took)
    return {
        "live_join_s": Figure(round(slowest, 2), f"s, slowest of {len(took)}", "<= 3", slowest <= 3),
        "live_join_median_s": Figure(round(statistics.median(took), 2), "s"),
    }
