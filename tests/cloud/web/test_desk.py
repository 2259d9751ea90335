"""Worklist, annotation and patient page in a real browser, by keyboard: reject and take back, annotate, lose the connection, two windows."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from cloud.database import DatabaseAddress
from cloud.labels.tables import AnnotationVersion
from cloud.review.tables import Review
from shared.clock import NS_PER_S
from shared.ids import uuid7
from tests.cloud.web.site import CHROMIUM, DIST, Site, browser_context, served

pytestmark = pytest.mark.skipif(
    not CHROMIUM.exists() or not (DIST / "index.html").is_file(),
    reason="needs Chromium and the built pages: make setup",
)


@pytest.fixture(scope="module")
def site(module_database: DatabaseAddress, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with served(module_database, tmp_path_factory.mktemp("site")) as opened:
        opened.wait(opened.house.account("ana", "clinician", "north"))
        yield opened


@pytest.fixture
def context() -> Iterator[BrowserContext]:
    with browser_context() as opened:
        yield opened


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


def drag(page: Page, title: str, pixels: int) -> None:
    """Takes an edge of a movement's bar by the mouse and moves it."""
    box = page.get_by_title(title).bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + pixels, y, steps=5)
    page.mouse.up()


def saved(page: Page) -> None:
    expect(page.get_by_test_id("annotation-state")).to_have_text(re.compile(r"^Saved \(version"))


def test_events_are_rejected_with_one_key_many_at_once_and_taken_back(site: Site, context: BrowserContext) -> None:
    events = site.wait(fill(site, 6))
    page = site.signed_in(context, "ana")
    page.goto(site.address)
    rows = page.get_by_test_id("event-row")
    expect(rows).to_have_count(6)
    page.keyboard.press("r")
    expect(rows).to_have_count(5)
    page.keyboard.press("z")
    expect(rows).to_have_count(6)
    for key in ("x", "j", "x", "j", "x"):
        page.keyboard.press(key)
    expect(page.get_by_test_id("bulk")).to_contain_text("3 chosen")
    page.keyboard.press("r")
    expect(rows).to_have_count(3)
    expect(page.get_by_test_id("toast")).to_contain_text("3 rejected")
    page.keyboard.press("z")
    expect(rows).to_have_count(6)
    given = sorted(site.wait(_verdicts(event)) for event in events)
    assert given == [[], [], *[["rejected", "withdrawn"]] * 4]


async def _verdicts(event_id: UUID) -> list[str]:
    return [row.verdict for row in await Review.filter(event_id=event_id).order_by("version")]


async def _newest(event_id: UUID) -> AnnotationVersion:
    row = await AnnotationVersion.filter(event_id=event_id).order_by("-version").first()
    assert row is not None
    return row


def test_a_seizure_is_annotated_in_full_by_keyboard_and_survives_a_lost_connection(
    site: Site, context: BrowserContext
) -> None:
    (event_id,) = site.wait(fill(site, 1))
    page = site.signed_in(context, "ana")
    page.goto(f"{site.address}/events/{event_id}")
    expect(page.get_by_test_id("claim")).to_contain_text("You work on this event")
    expect(page.get_by_test_id("annotation")).to_be_visible()
    page.keyboard.press("o")
    page.keyboard.press("a")
    expect(page.get_by_test_id("onset-at")).to_have_text("not set")
    page.keyboard.press("i")
    expect(page.get_by_test_id("onset-at")).to_have_text("0:00.00 s")
    for digit in "53467":
        page.keyboard.press(digit)
        page.keyboard.press("h")
        page.keyboard.press("ArrowRight")
    page.keyboard.press("x")
    expect(page.get_by_test_id("moi-table").get_by_role("row")).to_have_count(6)
    page.get_by_label("Epilepsy class", exact=True).select_option("FLE")
    page.get_by_label("ILAE 2017", exact=True).select_option("focal-impaired-awareness")
    saved(page)
    expect(page.get_by_test_id("chain")).to_contain_text("left versive → left clonic → left tonic → automotor")

    context.set_offline(True)
    page.get_by_label("Consciousness", exact=True).select_option("impaired")
    drag(page, "End of Tonic", 60)
    expect(page.get_by_test_id("annotation-state")).to_contain_text("No connection")
    context.set_offline(False)
    saved(page)
    kept = site.wait(_newest(event_id)).body
    assert (kept["epilepsy_class"], kept["consciousness"]) == ("FLE", "impaired")
    mois = kept["mois"]
    assert isinstance(mois, list)
    assert [moi["term"] for moi in mois] == [
        "head-version", "clonic", "tonic", "oral-automatism", "manual-automatism",
    ]  # fmt: skip
    assert mois[2]["end_ns"] - mois[2]["start_ns"] > 5 * NS_PER_S

    page.get_by_label("Comment").fill("Mother says Anna was tired")
    page.get_by_role("button", name="Keep comment").click()
    expect(page.get_by_role("alert").filter(has_text="may point to a person")).to_contain_text("Anna")
    page.reload()
    expect(page.get_by_test_id("annotation")).to_be_visible()
    page.keyboard.press("a")
    expect(page.get_by_test_id("moi-table").get_by_role("row")).to_have_count(6)
    with page.expect_download() as download:
        page.get_by_role("link", name="Export as BIDS").click()
    assert download.value.suggested_filename == f"deepepil-annotation-{event_id}.zip"


def test_two_windows_are_put_together_and_a_clash_is_chosen(site: Site, context: BrowserContext) -> None:
    (event_id,) = site.wait(fill(site, 1))
    pages = [site.signed_in(context, "ana") for _ in range(2)]
    for page in pages:
        page.goto(f"{site.address}/events/{event_id}")
        expect(page.get_by_test_id("annotation")).to_be_visible()
        page.keyboard.press("a")
    one, two = pages
    one.get_by_label("Epilepsy class", exact=True).select_option("FLE")
    saved(one)
    two.get_by_label("Consciousness", exact=True).select_option("impaired")
    saved(two)
    expect(two.get_by_label("Epilepsy class", exact=True)).to_have_value("FLE")
    two.get_by_label("Epilepsy class", exact=True).select_option("TLE")
    saved(two)
    one.get_by_label("Epilepsy class", exact=True).select_option("other")
    expect(one.get_by_role("dialog")).to_contain_text("Two versions of your annotation")
    one.get_by_label(re.compile("The other window's Temporal")).check()
    one.get_by_role("button", name="Save what I chose").click()
    saved(one)
    kept = site.wait(_newest(event_id)).body
    assert (kept["epilepsy_class"], kept["consciousness"]) == ("TLE", "impaired")


def test_a_wrong_code_is_corrected_on_the_patient_page(site: Site, context: BrowserContext, tmp_path: Path) -> None:
    stay_id = uuid7(time.time_ns())
    site.wait(_with_stay(site, stay_id))
    page = site.signed_in(context, "ana")
    page.goto(site.address)
    page.get_by_role("link", name="PT-7KQ2M").first.click()
    expect(page.get_by_test_id("patient-events").get_by_role("row")).to_have_count(3)
    page.get_by_role("button", name="Correct the code").click()
    page.get_by_label("Right code").fill("pt-right")
    page.get_by_label("Why").fill("wrong bed chosen")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Patient PT-RIGHT")).to_be_visible()
    expect(page.get_by_test_id("corrections")).to_contain_text("PT-7KQ2M → PT-RIGHT")
    expect(page.get_by_test_id("patient-events").get_by_role("row")).to_have_count(3)


async def _with_stay(site: Site, stay_id: UUID) -> None:
    await site.house.stay(stay_id)
    await fill(site, 2, stay_id)
