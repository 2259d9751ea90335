"""Every page as people meet it breaks no rule of WCAG 2.2, level A and AA, that axe can tell: dark on a laptop, light on a tablet."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from playwright.async_api import Page

from cloud.database import DatabaseAddress
from tests.cloud.web.axe import SCRIPT, violations
from tests.cloud.web.browser import browser
from tests.cloud.web.night import NOW_NS
from tests.cloud.web.served_house import PAGES
from tests.cloud.web.tour import LAPTOP, STOPS, TABLET, exhibition, tour
from tests.cloud.web.ward_clip import ward_clip

WORTH = {
    "login", "worklist-chosen", "worklist-empty", "worklist-loading", "worklist-offline", "keys", "review-annotation", "review-awaited",
    "review-error", "patient", "beds-ops", "beds-dialog", "pull", "references", "account", "audit",
}  # fmt: skip
"""Each page once and each state once: `python -m scripts.screens` looks at all pages in all states."""


@pytest.mark.timeout(180)
@pytest.mark.skipif(
    shutil.which("chromium") is None or not (PAGES / "index.html").is_file() or not SCRIPT.is_file(),
    reason="needs Chromium, the built pages and axe-core: make setup",
)
async def test_no_page_breaks_a_rule_that_axe_can_tell(module_database: DatabaseAddress, tmp_path: Path) -> None:
    found: list[str] = []

    async def look(page: Page, name: str) -> None:
        for theme, size in (("dark", LAPTOP), ("light", TABLET)):
            await page.set_viewport_size({"width": size["width"], "height": size["height"]})
            await page.evaluate("theme => document.documentElement.dataset.theme = theme", theme)
            found.extend(f"{name}, {theme}: {line}" for line in await violations(page))

    clip = ward_clip(tmp_path / "clip", NOW_NS - 300 * 10**9, 33.0, 39.0, networks=False)
    async with exhibition(module_database, tmp_path, clip) as house, browser() as opened:
        await tour(opened, house, tuple(stop for stop in STOPS if stop.name in WORTH), "dark", LAPTOP, look)
    assert found == []
