"""The live view in a browser: joining by one click, what is on the screen, and how long it took."""

from __future__ import annotations

import time

from playwright.async_api import Page, expect

STATE = "() => document.querySelector('[data-testid=live]')?.dataset.state === '%s'"
WAIT_MS = 30_000


async def open_beds(page: Page, address: str, bed: str) -> None:
    """The beds page with that bed ready to be watched."""
    await page.goto(f"{address}/beds")
    await expect(page.get_by_test_id(f"watch-{bed}")).to_be_enabled(timeout=WAIT_MS)


async def join_by_click(page: Page, bed: str) -> float:
    """Seconds from the click to the first picture on the screen."""
    began = time.perf_counter()
    await page.get_by_test_id(f"watch-{bed}").click()
    await is_state(page, "live")
    return time.perf_counter() - began


async def is_state(page: Page, state: str) -> None:
    """Waits until the live view of the page is joining, live, still or over."""
    await page.wait_for_function(STATE % state, timeout=WAIT_MS)


async def word_of(page: Page) -> str:
    """What the page says in place of a picture."""
    await is_state(page, "over")
    return await page.get_by_test_id("live-word").inner_text()
