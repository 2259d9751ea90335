"""Three people watch two beds in one Chromium, over a real broker: join, switch, privacy, a bed that is gone, and the end."""

from __future__ import annotations

import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from cloud.audit.tables import AuditEntry
from cloud.database import DatabaseAddress, open_tables
from edge_agent.live.privacy import set_private
from tests.cloud.people_house import open_house
from tests.cloud.web.browser import browser, review_page
from tests.cloud.web.live_house import LiveHouse, live_house
from tests.cloud.web.live_pages import WAIT_MS, is_state, join_by_click, open_beds, word_of
from tests.cloud.web.served_house import PAGES

pytestmark = pytest.mark.timeout(300)
PEOPLE = ("ana", "bruno", "carla")


@pytest.fixture
async def ward(module_database: DatabaseAddress, tmp_path: Path) -> AsyncIterator[LiveHouse]:
    if shutil.which("chromium") is None or not (PAGES / "index.html").is_file():
        pytest.skip("needs Chromium and the built pages: make setup")
    async with (
        open_tables(module_database, connections=6),
        open_house(tmp_path / "house") as house,
        live_house(tmp_path, house, module_database) as found,
    ):
        yield found


async def pages_of(stack: AsyncExitStack, ward: LiveHouse) -> list[Page]:
    opened = await stack.enter_async_context(browser())
    pages = []
    for name in PEOPLE:
        await ward.house.account(name, "clinician", "north")
        review = review_page(opened, ward.address, await ward.house.session(name))
        pages.append((await stack.enter_async_context(review)).page)
    return pages


async def test_three_people_watch_two_beds(ward: LiveHouse) -> None:
    async with AsyncExitStack() as stack:
        one, other, third = await pages_of(stack, ward)
        took = []
        for page, bed in ((one, "bed-1"), (other, "bed-1"), (third, "bed-2")):
            await open_beds(page, ward.address, bed)
            took.append(await join_by_click(page, bed))
        sys.stdout.write("joined after " + ", ".join(f"{seconds:.2f} s" for seconds in took) + "\n")
        await expect(one.get_by_test_id("live-viewers")).to_have_text(
            "Watching now: ana (you), bruno.", timeout=WAIT_MS
        )
        await expect(one.get_by_test_id("live-age")).to_contain_text("s old", timeout=WAIT_MS)

        await third.get_by_role("button", name="Depth").press("Enter")
        await expect(third.locator("video")).to_have_attribute("aria-label", "Depth picture of bed-2, live")
        await is_state(third, "live")

        set_private(ward.beds["bed-1"].folder, on=True)
        for page in (one, other):
            assert (await word_of(page)).startswith("Privacy is on at this bed")
        await is_state(third, "live")
        set_private(ward.beds["bed-1"].folder, on=False)
        await expect(one.get_by_test_id("live-again")).to_be_visible()
        await one.get_by_test_id("live-again").press("Enter")
        await is_state(one, "live")

        ward.beds["bed-2"].kill_live()
        assert (await word_of(third)).startswith("The bed is gone")
        ward.beds["bed-2"].start_live()
        await joined_again(third)

        await one.keyboard.press("Escape")
        await expect(one.get_by_test_id("live")).to_have_count(0)
        await third.get_by_test_id("live-end").click()
    ended = {(row.who, row.details["bed"]) for row in await AuditEntry.filter(deed="live_ended")}
    assert ended == {("ana", "bed-1"), ("bruno", "bed-1"), ("carla", "bed-2")}


async def joined_again(page: Page) -> None:
    """The process needs a while to start: each time the page says that nobody answered, it is asked to try again."""
    await page.wait_for_function(
        """() => {
          const state = document.querySelector('[data-testid=live]')?.dataset.state;
          if (state === 'over') document.querySelector('[data-testid=live-again]')?.click();
          return state === 'live';
        }""",
        polling=500,
        timeout=5 * WAIT_MS,
    )
