"""A browser before the review page: what is on the screen, read from its pixels, and what the page says of it."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from PIL import Image
from playwright.async_api import Browser, Page, async_playwright

from cloud.accounts.routes import COOKIE
from tests.cloud.web.burnt_clip import BITS, BLOCK, LEFT, TOP

ARGUMENTS = (
    "--no-sandbox", "--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
)  # fmt: skip
WAIT_MS = 20_000
_SETTLED = """() => {
  const { frame, wanted, still, exact } = document.querySelector('[data-testid=frame]')?.dataset ?? {};
  return frame !== undefined && frame === wanted && (still === 'true' || exact === 'false');
}"""
"""The frame of the playhead is the one on the screen."""
WIDTH, HEIGHT = 512, 424
SURE = 60
"""Levels of grey between a block and its counterpart."""


@dataclass
class ReviewPage:
    """The review page of one event in an open browser."""

    page: Page
    address: str
    faults: list[str]

    async def open(self, event_id: UUID, *, ready: bool = True) -> None:
        """Goes to the event and waits until a frame is seen, standing still."""
        await self.page.goto(f"{self.address}/events/{event_id}")
        if ready:
            await self.page.wait_for_function(
                "() => +(document.querySelector('[data-testid=frame]')?.dataset.frame ?? -1) >= 0", timeout=WAIT_MS
            )

    async def told(self) -> int:
        """The frame that the page says is on the screen, counted from 0."""
        return int(await self.page.get_by_test_id("frame").get_attribute("data-frame") or -1)

    async def seek(self, share: float) -> None:
        """Clicks on the timeline, `share` along the clip."""
        box = await self.page.get_by_test_id("timeline").bounding_box()
        assert box is not None
        place = box["x"] + 72 + share * (box["width"] - 84)
        await self.page.mouse.click(place, box["y"] + 60)
        await self.page.mouse.move(5, 5)

    async def settled(self) -> int:
        """Waits until the playhead's frame stands on the screen; returns what the page calls it."""
        await self.page.wait_for_function(_SETTLED, timeout=WAIT_MS)
        return await self.told()

    async def read(self) -> int:
        """The number in the picture on the screen, by its pixels; -1 when the blocks are no number."""
        stage = self.page.get_by_test_id("stage")
        seen = np.asarray(Image.open(io.BytesIO(await stage.screenshot())).convert("L"), np.int32)
        height, width = seen.shape
        scale = min(width / WIDTH, height / HEIGHT)
        left, top = (width - WIDTH * scale) / 2, (height - HEIGHT * scale) / 2

        columns = [round(left + (LEFT + (bit + 0.5) * BLOCK) * scale) for bit in range(BITS)]
        upper, lower = (seen[round(top + (TOP + (row + 0.5) * BLOCK) * scale), columns] for row in (0, 1))
        if np.any(np.abs(upper - lower) < SURE):
            return -1
        return int(np.sum((upper > lower) << np.arange(BITS)))


@asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    """One Chromium for many pages; WebGL is drawn in software."""
    async with async_playwright() as playwright:
        yield await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)


@asynccontextmanager
async def review_page(
    opened: Browser, address: str, token: str, *, script: str = "", motion: bool = False
) -> AsyncIterator[ReviewPage]:
    """A page of the session's owner; without motion nothing plays by itself. `script` runs before the page's own."""
    context = await opened.new_context(
        viewport={"width": 1366, "height": 768}, reduced_motion="no-preference" if motion else "reduce"
    )
    page = await context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)
    if script:
        await page.add_init_script(script)
    await context.add_cookies([{"name": COOKIE, "value": token, "url": address}])
    yield ReviewPage(page, address, faults)
    await context.close()
