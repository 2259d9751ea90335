"""Worklist, annotation and patient page in a real browser, by keyboard: reject and take back, annotate, lose the connection, two windows."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest
from playwright.async_api import Page, expect

from cloud.labels.tables import AnnotationVersion
from cloud.review.tables import Review
from shared.clock import NS_PER_S
from shared.ids import uuid7
from tests.cloud.web.conftest import Site

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def fill(site: Site, count: int, stay_id: UUID | None = None) -> list[UUID]:
    start_ns = time.time_ns() - 3600 * NS_PER_S
    kinds = ("tonic_clonic", "hyperkinetic", "automotor", "rhythmic_other")
    return [
        await site.house.event(
            start_utc_ns=start_ns + number * NS_PER_S,
            peak_score=0.9 - 0.05 * number,
            motor_type=kinds[number % 4],
            stay_id=stay_id,
        )
        for number in range(count)
    ]


async def drag(page: Page, title: str, pixels: int, half_way: Callable[[], Awaitable[None]]) -> None:
    """Takes an edge of a movement's bar by the mouse and moves it; in the middle something happens."""
    box = await page.get_by_title(title).bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    await page.mouse.move(x, y)
    await page.mouse.down()
    await page.mouse.move(x + pixels / 2, y, steps=3)
    await half_way()
    await page.mouse.move(x + pixels, y, steps=3)
    await page.mouse.up()


async def saved(page: Page) -> None:
    await expect(page.get_by_test_id("annotation-state")).to_have_text(re.compile(r"^Saved \(version"))


async def test_events_are_rejected_with_one_key_many_at_once_and_taken_back(site: Site, page: Page) -> None:
    events = await fill(site, 6)
    await page.goto(site.address)
    rows = page.get_by_test_id("event-row")
    await expect(rows).to_have_count(6)
    await page.keyboard.press("r")
    await expect(rows).to_have_count(5)
    await page.keyboard.press("z")
    await expect(rows).to_have_count(6)
    for key in ("x", "j", "x", "j", "x"):
        await page.keyboard.press(key)
    await expect(page.get_by_test_id("bulk")).to_contain_text("3 chosen")
    await page.keyboard.press("r")
    await expect(rows).to_have_count(3)
    await expect(page.get_by_test_id("toast")).to_contain_text("3 rejected")
    await page.keyboard.press("z")
    await expect(rows).to_have_count(6)
    given = sorted([await _verdicts(event) for event in events])
    assert given == [[], [], *[["rejected", "withdrawn"]] * 4]


async def _verdicts(event_id: UUID) -> list[str]:
    return [row.verdict for row in await Review.filter(event_id=event_id).order_by("version")]


async def _newest(event_id: UUID) -> AnnotationVersion:
    row = await AnnotationVersion.filter(event_id=event_id).order_by("-version").first()
    assert row is not None
    return row


async def test_a_seizure_is_annotated_in_full_by_keyboard_and_survives_a_lost_connection(
    site: Site, page: Page
) -> None:
    (event_id,) = await fill(site, 1)
    await page.goto(f"{site.address}/events/{event_id}")
    await expect(page.get_by_test_id("claim")).to_contain_text("You work on this event")
    await expect(page.get_by_test_id("annotation")).to_be_visible()
    await page.keyboard.press("o")
    await page.keyboard.press("a")
    await expect(page.get_by_test_id("onset-at")).to_have_text("not set")
    await page.keyboard.press("i")
    await expect(page.get_by_test_id("onset-at")).to_have_text("0:00.00 s")
    for digit in "53467":
        await page.keyboard.press(digit)
        await page.keyboard.press("h")
        await page.keyboard.press("ArrowRight")
    await page.keyboard.press("x")
    await expect(page.get_by_test_id("moi-table").get_by_role("row")).to_have_count(6)
    await page.get_by_label("Epilepsy class", exact=True).select_option("FLE")
    await page.get_by_label("ILAE 2017", exact=True).select_option("focal-impaired-awareness")
    await saved(page)
    await expect(page.get_by_test_id("chain")).to_contain_text("left versive → left clonic → left tonic → automotor")

    await page.get_by_label("Consciousness", exact=True).select_option("impaired")
    await drag(page, "End of Tonic", 60, half_way=lambda: page.context.set_offline(True))
    await expect(page.get_by_test_id("annotation-state")).to_contain_text("No connection")
    await page.context.set_offline(False)
    await saved(page)
    kept = (await _newest(event_id)).body
    assert (kept["epilepsy_class"], kept["consciousness"]) == ("FLE", "impaired")
    mois = kept["mois"]
    assert isinstance(mois, list)
    assert [moi["term"] for moi in mois] == [
        "head-version", "clonic", "tonic", "oral-automatism", "manual-automatism",
    ]  # fmt: skip
    assert mois[2]["end_ns"] - mois[2]["start_ns"] > 5 * NS_PER_S

    await page.get_by_label("Comment").fill("Mother says Anna was tired")
    await page.get_by_role("button", name="Keep comment").click()
    await expect(page.get_by_role("alert").filter(has_text="may point to a person")).to_contain_text("Anna")
    await page.reload()
    await expect(page.get_by_test_id("annotation")).to_be_visible()
    await page.keyboard.press("a")
    await expect(page.get_by_test_id("moi-table").get_by_role("row")).to_have_count(6)
    async with page.expect_download() as download:
        await page.get_by_role("link", name="Export as BIDS").click()
    assert (await download.value).suggested_filename == f"deepepil-annotation-{event_id}.zip"


async def test_two_windows_are_put_together_and_a_clash_is_chosen(site: Site, page: Page) -> None:
    (event_id,) = await fill(site, 1)
    one, two = page, await page.context.new_page()
    for window in (one, two):
        await window.goto(f"{site.address}/events/{event_id}")
        await expect(window.get_by_test_id("annotation")).to_be_visible()
        await window.keyboard.press("a")
    await one.get_by_label("Epilepsy class", exact=True).select_option("FLE")
    await saved(one)
    await two.get_by_label("Consciousness", exact=True).select_option("impaired")
    await saved(two)
    await expect(two.get_by_label("Epilepsy class", exact=True)).to_have_value("FLE")
    await two.get_by_label("Epilepsy class", exact=True).select_option("TLE")
    await saved(two)
    await one.get_by_label("Epilepsy class", exact=True).select_option("other")
    await expect(one.get_by_role("dialog")).to_contain_text("Two versions of your annotation")
    await one.get_by_label(re.compile("The other window's Temporal")).check()
    await one.get_by_role("button", name="Save what I chose").click()
    await saved(one)
    kept = (await _newest(event_id)).body
    assert (kept["epilepsy_class"], kept["consciousness"]) == ("TLE", "impaired")


async def test_a_wrong_code_is_corrected_on_the_patient_page(site: Site, page: Page) -> None:
    stay_id = uuid7(time.time_ns())
    await _with_stay(site, stay_id)
    await page.goto(site.address)
    await page.get_by_role("link", name="PT-7KQ2M").first.click()
    await expect(page.get_by_test_id("patient-events").get_by_role("row")).to_have_count(3)
    await page.get_by_role("button", name="Correct the code").click()
    await page.get_by_label("Right code").fill("pt-right")
    await page.get_by_label("Why").fill("wrong bed chosen")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Patient PT-RIGHT")).to_be_visible()
    await expect(page.get_by_test_id("corrections")).to_contain_text("PT-7KQ2M → PT-RIGHT")
    await expect(page.get_by_test_id("patient-events").get_by_role("row")).to_have_count(3)


async def _with_stay(site: Site, stay_id: UUID) -> None:
    await site.house.stay(stay_id)
    await fill(site, 2, stay_id)
