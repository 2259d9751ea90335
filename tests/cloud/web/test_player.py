"""The player in a real browser, before a clip whose pictures carry their own number: what is seen is what the page says."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from itertools import pairwise
from uuid import UUID

import numpy as np
import numpy.typing as npt
import pytest
import pytest_asyncio
from playwright.async_api import Browser

from cloud.database import DatabaseAddress, open_tables
from cloud.pulls.tables import Pull
from shared.clock import NS_PER_S
from shared.frame import Stream
from shared.ward.camera import KINECT_V2
from tests.cloud.people_house import FIRST_UTC_NS, House, open_house
from tests.cloud.web.browser import ReviewPage, browser, review_page
from tests.cloud.web.burnt_clip import FIRST_MONO_NS, MISSING, PERIOD_NS, SCENE_EVERY, BurntClip, make_clip
from tests.cloud.web.served_house import PAGES, keep_clip, served

COUNT = 150
TRIES = int(os.environ.get("DEEPEPIL_FRAME_TRIES", "10"))
"""Seeks and steps of the frame truth test; the long form takes 100."""
pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(
        shutil.which("chromium") is None or not (PAGES / "index.html").is_file(),
        reason="needs Chromium and the built pages",
    ),
]
TAKEN = [number for number in range(COUNT) if number not in MISSING]


@dataclass
class Cinema:
    """A clip, the application that serves it, and a browser."""

    house: House
    clip: BurntClip
    event_id: UUID
    browser: Browser
    address: str
    token: str

    def page(self, script: str = "") -> AbstractAsyncContextManager[ReviewPage]:
        return review_page(self.browser, self.address, self.token, script=script)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cinema(module_database: DatabaseAddress, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cinema]:
    folder = tmp_path_factory.mktemp("cinema")
    (folder / "clip").mkdir()
    clip = make_clip(folder / "clip", COUNT)
    async with open_tables(module_database, connections=6), open_house(folder) as house:
        house.clock.now_ns = FIRST_UTC_NS + 3600 * NS_PER_S
        await house.bed("north", "bed-1")
        await house.account("ana", "clinician", "north")
        token, event_id = await house.session("ana"), await keep_clip(house, clip)
        async with served(house) as address, browser() as opened:
            yield Cinema(house, clip, event_id, opened, address, token)


@pytest.mark.timeout(60 + 15 * TRIES)
async def test_the_picture_is_the_frame_that_the_page_names(cinema: Cinema) -> None:
    """Random seeks and steps in infrared and depth; the pixels of the screen are read."""
    chance = random.Random(11)
    async with cinema.page() as review:
        await review.open(cinema.event_id)
        for turn in range(TRIES):
            await review.page.keyboard.press(chance.choice("12"))
            await review.seek(chance.random())
            for _ in range(chance.randrange(4)):
                await review.page.keyboard.press(chance.choice(",."))
            told = await review.settled()
            assert (turn, await review.read()) == (turn, TAKEN[told])
    assert review.faults == []


async def test_each_step_is_one_frame_over_key_frames_and_gaps(cinema: Cinema) -> None:
    async with cinema.page() as review:
        await review.open(cinema.event_id)
        await review.seek((MISSING.start - 2.5) / COUNT)
        first = await review.settled()
        seen = [TAKEN[first]]
        for _ in range(5):
            await review.page.keyboard.press(".")
            await review.settled()
            seen.append(await review.read())
        assert seen == TAKEN[first : first + 6]
        await review.page.keyboard.press(",")
        assert TAKEN[await review.settled()] == await review.read() == seen[-2]
        device = await review.page.get_by_test_id("device-time").get_attribute("data-ns")
        assert int(device or 0) == 7 * NS_PER_S + seen[-2] * PERIOD_NS


async def test_it_plays_backwards_and_round_a_loop(cinema: Cinema) -> None:
    async with cinema.page() as review:
        await review.open(cinema.event_id)
        await review.seek(0.2)
        await review.page.keyboard.press("[")
        low = await review.settled()
        await review.seek(0.35)
        await review.page.keyboard.press("]")
        high = await review.settled()
        await review.page.evaluate(WATCH_FRAMES)
        await review.page.keyboard.press("j")
        await review.page.wait_for_function("() => window.seen.some((f, k) => k && f > window.seen[k - 1])")
        await review.page.keyboard.press(" ")
        frame = await review.settled()
        seen: list[int] = await review.page.evaluate("() => window.seen")
        falls = sum(later < earlier for earlier, later in pairwise(seen))
        assert falls > 0
        assert min(seen) >= low - 1
        assert max(seen) <= high + 1
        assert await review.read() == TAKEN[frame]


async def test_without_webcodecs_the_video_is_sought_and_the_page_says_so(cinema: Cinema) -> None:
    async with cinema.page(script="delete window.VideoDecoder") as review:
        await review.open(cinema.event_id)
        await review.page.get_by_test_id("not-exact").wait_for()
        for share in (0.7, 0.1):
            before = await review.told()
            await review.seek(share)
            await review.page.wait_for_function(FRAME_IS_NOT, arg=before)
            assert await review.read() == TAKEN[await review.settled()]


async def test_distances_between_points_are_those_of_the_room(cinema: Cinema) -> None:
    """Two clicks on surfaces; the truth is the simulator's own geometry, before the sensor's noise."""
    async with cinema.page() as review:
        await review.open(cinema.event_id)
        await review.page.keyboard.press("4")
        canvas = review.page.get_by_test_id("space")
        await review.page.wait_for_function(FULL_PICTURE)
        box = await canvas.bounding_box()
        assert box is not None
        errors = []
        for first, second in SPOTS:
            for x, y in (first, second):
                await review.page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])
            told = review.page.get_by_test_id("distance")
            await review.page.wait_for_function("() => document.querySelector('[data-testid=distance]')?.dataset.mm")
            pixels = [tuple(map(int, each.split(","))) for each in str(await told.get_attribute("data-pixels")).split()]
            number = TAKEN[await review.told()] // SCENE_EVERY * SCENE_EVERY
            a, b = (true_point(cinema.clip.truth_mm[number], *pixel) for pixel in pixels)
            true_mm = float(np.linalg.norm(a - b))
            assert true_mm > 300
            errors.append(abs(float(str(await told.get_attribute("data-mm"))) - true_mm) / true_mm)
            await review.page.get_by_role("button", name="Clear").click()
        await review.page.mouse.move(box["x"] + 200, box["y"] + 200)
        await review.page.mouse.down()
        await review.page.mouse.move(box["x"] + 240, box["y"] + 200, steps=4)
        await review.page.get_by_test_id("thinned").wait_for()
        await review.page.mouse.up()
        await review.page.get_by_test_id("thinned").wait_for(state="detached")
    assert max(errors) < 0.01, errors
    assert review.faults == []


async def test_a_stream_that_was_not_recorded_is_off_and_the_others_play(cinema: Cinema) -> None:
    event_id = await keep_clip(cinema.house, cinema.clip, without=frozenset({Stream.depth, Stream.colour}))
    async with cinema.page() as review:
        await review.open(event_id)
        off = await review.page.locator(".stream-switch button:disabled").all_inner_texts()
        assert [each.split()[0] for each in off] == ["Depth", "Colour", "3-D"]
        await review.page.keyboard.press("4")
        assert await review.read() == TAKEN[await review.settled()]


async def test_a_lost_network_is_told_and_the_frame_comes_when_it_is_back(cinema: Cinema) -> None:
    async with cinema.page() as review:
        await review.open(cinema.event_id)
        await review.page.context.set_offline(True)
        await review.seek(0.9)
        await review.page.get_by_role("alert").filter(has_text="loaded again").wait_for()
        await review.page.context.set_offline(False)
        await review.page.wait_for_function(FRAME_ABOVE, arg=110)
        assert await review.read() == TAKEN[await review.settled()]


async def test_a_longer_clip_is_asked_of_the_ring(cinema: Cinema) -> None:
    async with cinema.page() as review:
        await review.open(cinema.event_id)
        await review.page.get_by_role("button", name="30 s earlier").click()
        await review.page.locator("[data-testid=extension][data-standing=asked]").wait_for()
    pull = await Pull.get()
    assert pull.start_utc_ns == FIRST_UTC_NS + FIRST_MONO_NS - 30 * NS_PER_S
    assert abs(pull.end_utc_ns - (FIRST_UTC_NS + FIRST_MONO_NS + COUNT * PERIOD_NS)) <= NS_PER_S // 1000


async def test_the_timeline_zooms_to_frames_and_shows_what_lies_under_the_pointer(cinema: Cinema) -> None:
    async with cinema.page() as review:
        await review.open(cinema.event_id)
        timeline = review.page.get_by_test_id("timeline")
        for _ in range(8):
            await review.page.keyboard.press("+")
        assert int(await timeline.get_attribute("data-length") or 0) == NS_PER_S // 5
        await review.page.keyboard.press("0")
        assert int(await timeline.get_attribute("data-length") or 0) == COUNT * PERIOD_NS
        await timeline.hover(position={"x": 700, "y": 60})
        await review.page.locator("[data-testid=thumb][data-frame='90']").wait_for()


def true_point(depth_mm: npt.NDArray[np.float32], u: int, v: int) -> npt.NDArray[np.float64]:
    """Where the ray of a pixel meets the room, mm, in the camera's axes."""
    z = float(depth_mm[v, u])
    return np.array([(u - KINECT_V2.cx) / KINECT_V2.fx * z, (v - KINECT_V2.cy) / KINECT_V2.fy * z, z])


SPOTS = [((0.36, 0.9), (0.6, 0.35)), ((0.4, 0.4), (0.62, 0.85)), ((0.45, 0.5), (0.7, 0.3))]
"""Pairs of places on the canvas: floor, bed and wall."""
FULL_PICTURE = "() => /217,088/.test(document.querySelector('.space-facts')?.textContent ?? '')"
FRAME_IS_NOT = "frame => +document.querySelector('[data-testid=frame]').dataset.frame !== frame"
FRAME_ABOVE = "frame => +document.querySelector('[data-testid=frame]').dataset.frame > frame"
WATCH_FRAMES = """() => {
  window.seen = [];
  const look = () => {
    const frame = +document.querySelector('[data-testid=frame]').dataset.frame;
    if (window.seen.at(-1) !== frame) window.seen.push(frame);
    requestAnimationFrame(look);
  };
  look();
}"""
