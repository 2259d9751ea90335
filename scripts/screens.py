"""Takes the pictures of docs/screens from a running demonstration: `python -m scripts.screens ADDRESS PASSWORD`."""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

FOLDER = Path("docs/screens")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WAIT_MS = 60_000


def sign_in(page: Page, address: str, password: str, theme: str) -> None:
    """Pictures the login page, then signs in as `admin`."""
    page.goto(address)
    expect(page.get_by_label("Account")).to_be_visible(timeout=WAIT_MS)
    page.screenshot(path=FOLDER / f"login-{theme}.png")
    page.get_by_label("Account").fill("admin")
    page.get_by_label("Password").fill(password)
    page.keyboard.press("Enter")


def review(page: Page, theme: str) -> None:
    """The first classified event, a little after its onset."""
    row = page.get_by_role("row").filter(has_text="simulated").first
    expect(row).to_be_visible(timeout=WAIT_MS)
    page.screenshot(path=FOLDER / f"worklist-{theme}.png")
    row.click()
    page.wait_for_function(
        "() => [...document.querySelectorAll('video')].some(v => v.readyState >= 2)", timeout=WAIT_MS
    )
    page.keyboard.press("o")
    for _ in range(2):
        page.keyboard.press("Shift+ArrowRight")
    expect(page.get_by_test_id("suggestion")).to_contain_text("%", timeout=WAIT_MS)
    page.wait_for_timeout(1_500)
    page.screenshot(path=FOLDER / f"review-{theme}.png")


def main(address: str, password: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        for theme in ("dark", "light"):
            page = browser.new_page(viewport={"width": 1366, "height": 768})
            page.add_init_script(f"localStorage.setItem('deepepil-theme', '{theme}')")
            sign_in(page, address, password, theme)
            review(page, theme)
            page.goto(f"{address}/beds")
            expect(page.get_by_text("bed-2").first).to_be_visible(timeout=WAIT_MS)
            page.wait_for_timeout(1_000)
            page.screenshot(path=FOLDER / f"beds-{theme}.png")
            for name in ("pull", "references"):
                page.goto(f"{address}/{name}")
                expect(page.get_by_test_id(f"{name}-page")).to_be_visible(timeout=WAIT_MS)
                page.wait_for_timeout(1_000)
                page.screenshot(path=FOLDER / f"{name}-{theme}.png")
            page.close()
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:3])
