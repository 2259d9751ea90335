"""The people's real application behind a real address, over the test's database and the built pages, with events to work on."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import uvicorn
from playwright.sync_api import BrowserContext, Page, sync_playwright

from cloud.accounts.routes import COOKIE
from cloud.database import DatabaseAddress, open_tables
from tests.cloud.people_house import House, open_house
from tests.waiting import wait_for

DIST = Path(__file__).parents[3] / "cloud" / "web" / "dist"
CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox", "--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
T = TypeVar("T")


@dataclass
class Site:
    """The application on a loop of its own thread, and its address."""

    house: House
    loop: asyncio.AbstractEventLoop
    address: str

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    def signed_in(self, context: BrowserContext, name: str) -> Page:
        """A page whose person is signed in already."""
        token = self.wait(self.house.session(name))
        context.add_cookies([{"name": COOKIE, "value": token, "url": self.address}])
        page = context.new_page()
        page.set_default_timeout(20_000)
        return page


@contextmanager
def served(database: DatabaseAddress, folder: Path) -> Iterator[Site]:
    """The site, stopped after the block; its clock is that of now and stands."""
    (folder / "web").symlink_to(DIST)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    stack = AsyncExitStack()

    async def begin() -> tuple[House, uvicorn.Server, asyncio.Task[None]]:
        await stack.enter_async_context(open_tables(database, connections=6))
        house = await stack.enter_async_context(open_house(folder))
        house.clock.now_ns = time.time_ns()
        server = uvicorn.Server(uvicorn.Config(house.app, port=0, log_level="error", lifespan="off"))
        return house, server, asyncio.create_task(server.serve())

    async def end(server: uvicorn.Server, task: asyncio.Task[None]) -> None:
        server.should_exit = server.force_exit = True
        await task
        await stack.aclose()

    house, server, task = asyncio.run_coroutine_threadsafe(begin(), loop).result(60)
    try:
        wait_for(lambda: server.started, "the site's start")
        port = server.servers[0].sockets[0].getsockname()[1]
        yield Site(house, loop, f"http://127.0.0.1:{port}")
    finally:
        asyncio.run_coroutine_threadsafe(end(server, task), loop).result(60)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.close()


@contextmanager
def browser_context() -> Iterator[BrowserContext]:
    """A fresh browser of a laptop's size."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield browser.new_context(viewport={"width": 1366, "height": 768})
        browser.close()
