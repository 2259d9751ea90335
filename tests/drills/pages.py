"""Pictures of the pages during a drill, for a person to look at, when a browser is installed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from playwright.sync_api import Error, sync_playwright

CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-quic", "--disable-background-networking", "--disable-component-update"]
LOAD_LIMIT_MS = 20_000


class Look(Protocol):
    """A picture called `name` of the page as it stands, or of another `path`."""

    def __call__(self, name: str, path: str | None = None) -> None: ...


@contextmanager
def picture(address: str, password: str, folder: Path) -> Iterator[Look]:
    """Gives `look(name, path=None)`: a picture of the page as it stands, or of another path. One window throughout.

    A page that cannot be loaded is pictured as the person would see it.
    """
    if not shutil.which("chromium"):
        yield lambda name, path=None: None
        return
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1366, "height": 900})
        page.goto(address)
        page.get_by_label("Account").fill("admin")
        page.get_by_label("Password").fill(password)
        page.keyboard.press("Enter")
        page.get_by_role("row").nth(1).wait_for(timeout=LOAD_LIMIT_MS)

        def look(name: str, path: str | None = None) -> None:
            if path is not None:
                try:
                    page.goto(address + path, timeout=LOAD_LIMIT_MS, wait_until="networkidle")
                except Error as error:
                    print(f"the page {path} did not come to rest: {error.message.splitlines()[0]}")
            page.screenshot(path=folder / f"{name}.png", full_page=True)

        yield look
        browser.close()
