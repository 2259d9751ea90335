"""One served house and one Chromium for each module that works at the pages by hand."""

from __future__ import annotations

import shutil
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from cloud.database import DatabaseAddress, open_tables
from tests.cloud.people_house import House, open_house
from tests.cloud.web.browser import WAIT_MS, ReviewPage, browser, review_page
from tests.cloud.web.served_house import PAGES, served


@dataclass(frozen=True)
class Site:
    """The application over the test's database, its address, and a browser."""

    house: House
    address: str
    browser: Browser

    async def signed_in(self, name: str, script: str = "") -> AbstractAsyncContextManager[ReviewPage]:
        """A page of a fresh browser whose person is signed in already."""
        return review_page(self.browser, self.address, await self.house.session(name), script=script)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(module_database: DatabaseAddress, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """The clock is that of now and stands; the clinician ana belongs to the site north."""
    if shutil.which("chromium") is None or not (PAGES / "index.html").is_file():
        pytest.skip("needs Chromium and the built pages: make setup")
    expect.set_options(timeout=WAIT_MS)
    folder = tmp_path_factory.mktemp("site")
    async with open_tables(module_database, connections=6), open_house(folder) as house:
        house.clock.now_ns = time.time_ns()
        await house.account("ana", "clinician", "north")
        async with served(house) as address, browser() as opened:
            yield Site(house, address, opened)


@pytest_asyncio.fixture(loop_scope="module")
async def page(site: Site) -> AsyncIterator[Page]:
    """A page of ana's, in a browser of its own."""
    async with await site.signed_in("ana") as opened:
        yield opened.page
