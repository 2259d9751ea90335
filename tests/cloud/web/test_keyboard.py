"""A night by keyboard alone, from the door to the export: no mouse is touched, and what is exported is accepted by others' tools."""

from __future__ import annotations

import asyncio
import re
import time
import zipfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from playwright.async_api import Page, expect
from playwright.async_api import TimeoutError as TooLate

from cloud.accounts.rules import Role
from cloud.accounts.service import give_access
from cloud.clips.tables import Event
from cloud.labels.tables import AnnotationVersion, Label
from cloud.review.tables import Review
from shared.clock import NS_PER_S
from shared.vocabulary import terms
from tests.cloud.labels.bids_checks import bids_faults, hed_faults
from tests.cloud.web.burnt_clip import BurntClip, make_clip
from tests.cloud.web.conftest import Site
from tests.cloud.web.served_house import keep_clip

pytestmark = pytest.mark.asyncio(loop_scope="module")
ITEMS, FRAMES = 20, 150
SAID = {
    "ILAE 2025": ("ilae_2025", "focal-impaired"),
    "ILAE 2017": ("ilae_2017", "focal-impaired-awareness"),
    "Epilepsy class": ("epilepsy_classes", "FLE"),
    "Consciousness": ("consciousness", "impaired"),
    "Sleep state": ("sleep_states", "asleep"),
}
"""The term that is chosen in each field, and its group."""
_FOCUSED = """() => {
  const at = document.activeElement;
  const label = at?.labels?.[0]?.querySelector('span')?.textContent ?? at?.labels?.[0]?.textContent;
  return (at?.getAttribute('aria-label') ?? label ?? at?.textContent ?? '').trim();
}"""


async def night(site: Site, clip: BurntClip) -> list[UUID]:
    """Twenty events of the last hour, each with videos that the bed's own code made; they share one clip of the ward."""
    events = []
    for number in range(ITEMS):
        event_id = await keep_clip(site.house, clip if number == 0 else replace(clip, segments=[]))
        start_ns = time.time_ns() - (3600 - 60 * number) * NS_PER_S
        await Event.filter(event_id=event_id).update(start_utc_ns=start_ns, end_utc_ns=start_ns + NS_PER_S)
        events.append(event_id)
    return events


async def tab_to(page: Page, name: str, key: str = "Tab") -> None:
    """Presses Tab, or Shift and Tab, until what bears the name has the focus."""
    for _ in range(200):
        if str(await page.evaluate(_FOCUSED)).startswith(name):
            return
        await page.keyboard.press(key)
    raise AssertionError(f"Tab never came to {name}")


async def reviewed(page: Page, key: str, then: str | None = None) -> None:
    """A verdict on the event on the screen, and the page of the next one, or the words that are shown then."""
    here = page.get_by_test_id("review-page")
    before = await here.get_attribute("data-event")
    assert before
    gone = "id => (document.querySelector('[data-testid=review-page]')?.dataset.event ?? id) !== id"
    gone = gone if then is None else f"() => document.body.textContent.includes('{then}')"
    for _ in range(20):  # a key just after the page went on by itself is not taken for a verdict: it is pressed again
        await page.keyboard.press(key)
        with suppress(TooLate):
            await page.wait_for_function(gone, arg=before, timeout=1_000)
            return
    raise AssertionError(f"{key} gave no verdict")


async def annotated(page: Page) -> None:
    """The event on the screen in full: edges, five movements with side and part, classes, states, a comment."""
    await expect(page.get_by_test_id("annotation")).to_be_visible()
    await page.keyboard.press("a")
    await expect(page.get_by_test_id("onset-at")).to_have_text("not set")
    for second, digit in enumerate("53467"):
        await page.keyboard.press("Home")
        for _ in range(second):
            await page.keyboard.press("ArrowRight")
        if second == 0:
            await page.keyboard.press("i")
        for key in (digit, "h", "g", "Alt+Shift+ArrowLeft"):
            await page.keyboard.press(key)
    await page.keyboard.press("End")
    await page.keyboard.press("x")
    await expect(page.get_by_test_id("moi-table").get_by_role("row")).to_have_count(6)
    for field, (group, term) in SAID.items():
        await tab_to(page, field)
        for _ in range(list(terms(group)).index(term) + 1):
            await page.keyboard.press("ArrowDown")
    await tab_to(page, "Comment")
    await page.keyboard.type("Left arm first, then the face.")
    await tab_to(page, "Keep comment")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Keep comment")).to_have_count(0)
    await expect(page.get_by_test_id("annotation-state")).to_have_text(re.compile(r"^Saved \(version"))


async def exported(page: Page, folder: Path) -> Path:
    """The events table of the dataset that the keyboard asked for."""
    await tab_to(page, "Export as BIDS", "Shift+Tab")
    async with page.expect_download() as download:
        await page.keyboard.press("Enter")
    await (await download.value).save_as(folder / "export.zip")
    zipfile.ZipFile(folder / "export.zip").extractall(folder / "bids")
    return next((folder / "bids").glob("sub-*/beh/*_events.tsv"))


async def test_a_night_is_worked_off_annotated_and_exported_by_keyboard_alone(site: Site, tmp_path: Path) -> None:
    events = await night(site, await asyncio.to_thread(make_clip, tmp_path, FRAMES))
    given = await give_access("nora", Role.clinician, ["north"], site.house.clock.now_ns)
    context = await site.browser.new_context(viewport={"width": 1366, "height": 768}, reduced_motion="reduce")
    page = await context.new_page()
    await page.goto(site.address)
    await page.wait_for_function("() => document.activeElement?.name === 'account'")
    await page.keyboard.type("nora")
    await page.keyboard.press("Tab")
    await page.keyboard.type(given.password)
    await page.keyboard.press("Enter")

    rows = page.get_by_test_id("event-row")
    await expect(rows).to_have_count(ITEMS)
    for left in (19, 18, 17):
        await page.keyboard.press("r")
        await expect(rows).to_have_count(left)
    for key in ("x", "j", "x", "j", "x", "r"):
        await page.keyboard.press(key)
    await expect(rows).to_have_count(14)
    await page.keyboard.press("Enter")
    await annotated(page)
    seizure = UUID(await page.get_by_test_id("review-page").get_attribute("data-event") or "")
    table = await exported(page, tmp_path)
    await page.keyboard.press("a")
    for key in ("c", *"rrurrrrurrrr"):
        await reviewed(page, key)
    await reviewed(page, "r", "Nothing waits for review.")

    labels = {row.event_id: row.verdict for row in await Label.filter(event_id__in=events)}
    assert (len(labels), labels[seizure]) == (ITEMS, "confirmed")
    assert sorted(labels.values()).count("unsure") == 2
    assert await Review.filter(event_id__in=events, reviewer="nora").count() == ITEMS
    lines = table.read_text().splitlines()
    assert [line.split("\t")[2] for line in lines[1:]] == [
        "episode-focal-impaired-awareness", "moi-head-version", "moi-clonic", "moi-tonic", "moi-oral-automatism",
        "moi-manual-automatism",
    ]  # fmt: skip
    said = (await AnnotationVersion.filter(event_id=seizure).order_by("-version").first()).body  # type: ignore[union-attr]
    assert {said[name] for name in ("epilepsy_class", "consciousness", "sleep_state")} == {"FLE", "impaired", "asleep"}
    assert said["comment"] == "Left arm first, then the face."
    assert await asyncio.to_thread(bids_faults, tmp_path / "bids", tmp_path / "found.json") == []
    assert await asyncio.to_thread(hed_faults, table) == []
    await context.close()
