"""The live process with real viewers (aiortc) over loopback: pictures arrive, one encode for all, the switch ends everything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from edge_agent.bus import Publisher, Subscriber
from edge_agent.bus_messages import BusTopic
from edge_agent.live.privacy import set_private
from edge_agent.processes import live
from edge_agent.settings import LiveSettings, Settings
from shared.contract import Contract
from shared.frame import Stream
from shared.live_view import LiveHangup, LiveHealth, ViewCause, ViewPhase, ViewReport
from tests.edge_agent.live.studio_camera import StudioCamera, studio_camera
from tests.edge_agent.live.viewer import Viewer
from tests.edge_agent.processes.running import make_settings, running

LONGEST_S = 30.0
pytestmark = pytest.mark.timeout(120)


def bed_settings(folder: Path, viewers: int = 5) -> Settings:
    live_settings = LiveSettings(network="127.0.0.0/8", viewers=viewers, frames_per_s=30)
    return make_settings(folder).model_copy(update={"live": live_settings})


async def until(condition: Callable[[], object], what: str) -> None:
    async with asyncio.timeout(LONGEST_S):
        while not condition():
            await asyncio.sleep(0.01)
    assert condition(), what


class Bed:
    """The live process with what the publisher and the heartbeat would hear of it."""

    def __init__(self, folder: Path, camera: StudioCamera) -> None:
        self.folder, self.camera = folder, camera
        self.reports: list[ViewReport] = []
        self.health: LiveHealth | None = None
        self.encoded = 0.0
        self._bus = Publisher(folder, "publisher")
        self._inbox = Subscriber(folder, (BusTopic.view, BusTopic.live, BusTopic.beat))

    def read(self) -> None:
        while (found := self._inbox.receive(0)) is not None:
            if found[0] is BusTopic.view:
                self.reports.append(found[1])
            elif found[0] is BusTopic.live:
                self.health = found[1]
            elif found[1].process == "live":
                self.encoded = found[1].counters["encoded"]

    async def hear(self, condition: Callable[[], object], what: str) -> None:
        def read_and_look() -> object:
            self.read()
            return condition()

        await until(read_and_look, what)

    def say(self, topic: BusTopic, message: Contract) -> None:
        self._bus.publish(topic, message)

    def of(self, viewer: Viewer) -> list[ViewReport]:
        return [each for each in self.reports if each.view_id == viewer.view_id]

    async def ask(self, viewer: Viewer) -> ViewReport:
        """The bed's first report on the viewer's offer."""
        offer = await viewer.offer()
        self.say(BusTopic.offer, offer)
        await self.hear(lambda: self.of(viewer), "a report")
        return self.of(viewer)[0]

    async def join(self, viewer: Viewer, pictures: int = 5) -> None:
        report = await self.ask(viewer)
        assert report.phase is ViewPhase.answered, report
        await viewer.take(report.sdp)
        await until(lambda: len(viewer.frames) >= pictures, "pictures")

    async def ended(self, viewer: Viewer) -> ViewCause | None:
        await self.hear(lambda: self.of(viewer) and self.of(viewer)[-1].phase is ViewPhase.ended, "the end")
        return self.of(viewer)[-1].cause

    def close(self) -> None:
        self._bus.close()
        self._inbox.close()


@asynccontextmanager
async def bed_at(folder: Path, *streams: Stream, viewers: int = 5) -> AsyncIterator[Bed]:
    settings = bed_settings(folder, viewers)
    with studio_camera(folder, *streams) as camera:
        bed = Bed(folder, camera)
        try:
            with running(live, settings):
                await bed.hear(lambda: bed.health, "the process")
                yield bed
                for task in asyncio.all_tasks() - {asyncio.current_task()}:
                    task.cancel()
        finally:
            bed.close()


def ages(viewer: Viewer) -> list[int]:
    return [fact["age_ms"] for fact in viewer.facts if "age_ms" in fact]


def causes(viewer: Viewer) -> list[Any]:
    return [fact["end"] for fact in viewer.facts if "end" in fact]


async def test_two_viewers_see_the_bed_by_one_encode_and_are_told_how_old_the_picture_is(tmp_path: Path) -> None:
    async with bed_at(tmp_path) as bed:
        one, other = Viewer(name="a.clinician"), Viewer(name="b.nurse")
        await bed.join(one)
        await bed.join(other, pictures=40)
        await until(lambda: len(one.frames) >= 40 and ages(one), "more pictures")
        await bed.hear(lambda: bed.health is not None and len(bed.health.viewers) == 2, "both in the heartbeat's part")
        assert bed.health is not None
        assert {each.viewer for each in bed.health.viewers} == {"a.clinician", "b.nurse"}
        assert [each.phase for each in bed.of(one)] == [ViewPhase.answered, ViewPhase.joined]
        assert (one.frames[0].width, one.frames[0].height) == (other.frames[0].width, other.frames[0].height)
        assert 0 < bed.encoded <= bed.camera.published, "each picture was encoded once"
        assert ages(one)[0] >= 0
        await one.close()
        assert await bed.ended(one) is ViewCause.left
        await other.close()
        assert await bed.ended(other) is ViewCause.left


async def test_the_privacy_switch_ends_every_view_and_lets_nobody_in_until_it_is_off(tmp_path: Path) -> None:
    async with bed_at(tmp_path) as bed:
        one, other = Viewer(Stream.ir), Viewer(Stream.depth)
        await bed.join(one)
        await bed.join(other)
        set_private(tmp_path, on=True)
        assert await bed.ended(one) is ViewCause.privacy
        assert await bed.ended(other) is ViewCause.privacy
        await until(lambda: causes(one) == causes(other) == ["privacy"], "both pages are told")
        late = Viewer()
        report = await bed.ask(late)
        assert (report.phase, report.cause) == (ViewPhase.refused, ViewCause.privacy)
        set_private(tmp_path, on=False)
        await bed.hear(lambda: bed.health is not None and not bed.health.private, "the switch is off")
        again = Viewer()
        await bed.join(again)
        for viewer in (one, other, late, again):
            await viewer.close()


async def test_one_more_than_the_bed_allows_is_refused_and_gets_in_when_one_was_hung_up(tmp_path: Path) -> None:
    async with bed_at(tmp_path, viewers=1) as bed:
        one, other, third = Viewer(), Viewer(), Viewer()
        await bed.join(one)
        report = await bed.ask(other)
        assert (report.phase, report.cause) == (ViewPhase.refused, ViewCause.full)
        bed.say(BusTopic.hangup, LiveHangup(view_id=one.view_id))
        assert await bed.ended(one) is ViewCause.hung_up
        await until(lambda: causes(one) == ["hung_up"], "the page is told")
        await bed.join(third)
        for viewer in (one, other, third):
            await viewer.close()


async def test_an_offer_that_comes_twice_makes_one_view_with_one_answer(tmp_path: Path) -> None:
    async with bed_at(tmp_path) as bed:
        viewer = Viewer()
        offer = await viewer.offer()
        for _ in range(3):
            bed.say(BusTopic.offer, offer)
        await bed.hear(lambda: bed.of(viewer), "the answer")
        bed.say(BusTopic.offer, offer)
        await bed.hear(lambda: len(bed.of(viewer)) >= 2, "the answer again")
        assert len({each.sdp for each in bed.of(viewer)}) == 1
        await bed.hear(lambda: bed.health is not None and bed.health.viewers, "the view")
        assert bed.health is not None
        assert len(bed.health.viewers) == 1
        await viewer.close()


async def test_a_stream_that_the_camera_does_not_give_is_named(tmp_path: Path) -> None:
    async with bed_at(tmp_path) as bed:
        viewer = Viewer(Stream.colour)
        await bed.ask(viewer)
        assert await bed.ended(viewer) is ViewCause.no_stream
        await viewer.close()


async def test_a_bed_without_a_network_for_it_refuses_and_loads_no_webrtc(tmp_path: Path) -> None:
    settings = make_settings(tmp_path)
    with studio_camera(tmp_path) as camera:
        bed = Bed(tmp_path, camera)
        with running(live, settings):
            await bed.hear(lambda: bed.health, "the process")
            viewer = Viewer()
            report = await bed.ask(viewer)
        bed.close()
    assert (report.phase, report.cause) == (ViewPhase.refused, ViewCause.not_set_up)
    assert bed.health is not None
    assert bed.health.most_viewers == 0
    await viewer.close()
