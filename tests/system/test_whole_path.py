"""The whole path on this machine's real parts: from simulated frames over MQTT and HTTPS to a verdict given by keyboard.

One demonstration serves all of it, in the order of a night: an event comes, is reviewed, processes die, all stops, all goes on.
"""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.system.demo_house import PROGRAMS, DemoHouse, first_classified, wait_for

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(
        shutil.which("mosquitto", path="/usr/sbin:/usr/bin") is None, reason="needs Mosquitto: make setup"
    ),
    pytest.mark.timeout(600),
]
SHOTS = Path("build/screens")
TERMINAL = Path("build/system/terminal.txt")
"""What the last demonstration printed, for a person who looks into a failure."""
BACK_WITHIN_S = 10.0
PROCESSES = ("capture", "recorder", "detector", "publisher", "proxy", "uploader", "evictor", "button", "heartbeat")


class Night:
    """What the tests of this module hand on to each other."""

    house: DemoHouse
    password: str
    item: dict[str, Any]
    events: set[str]


@pytest.fixture(scope="module")
def night() -> Iterator[Night]:
    folder = Path(tempfile.mkdtemp(prefix="deepepil-system-"))
    night = Night()
    night.house = DemoHouse(folder)
    try:
        night.password = night.house.password()
        night.house.address()
        yield night
    finally:
        night.house.stop()
        TERMINAL.parent.mkdir(parents=True, exist_ok=True)
        TERMINAL.write_text("\n".join(night.house.lines) + "\n")
        shutil.rmtree(folder, ignore_errors=True)


def test_a_simulated_seizure_is_detected_stored_watchable_and_classified_within_three_minutes(night: Night) -> None:
    """Shows the main promise of the demonstration, line by line on the terminal and in the worklist."""
    with night.house.client(night.password) as client:
        night.item = wait_for("a classified event in the worklist", lambda: first_classified(client), 180)
        detail = client.get(f"/api/v1/events/{night.item['event_id']}").json()
        proxy = next(found for found in detail["proxies"] if found["stream"] == "ir")
        part = client.get(proxy["url"], headers={"range": "bytes=0-99"})
    assert detail["suggestion"]["simulated"] is True
    assert detail["event_start_ns"] >= 30_000_000_000, "at least 30 s before the onset are in the clip"
    assert {found["stream"] for found in detail["proxies"]} == {"ir", "depth", "colour"}
    assert part.status_code == 206
    assert len(part.content) == 100
    for said in ("recorded", "scored", "opened at the bed", "receipt stored", "watchable", "classified"):
        night.house.line(said, 5)


@pytest.fixture
def page() -> Iterator[Page]:
    arguments = [
        "--no-sandbox",
        "--disable-quic",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=arguments)
        opened = browser.new_page(viewport={"width": 1366, "height": 768})
        yield opened
        browser.close()


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs Chromium: make setup")
def test_a_clinician_reviews_the_event_by_keyboard_alone(night: Night, page: Page) -> None:
    """Logs in, opens the first event, watches it and confirms it without touching the mouse."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.goto(night.house.address())
    page.get_by_label("Account").press_sequentially("admin")
    page.keyboard.press("Tab")
    page.keyboard.type(night.password)
    page.keyboard.press("Enter")
    expect(page.get_by_role("row").nth(1)).to_be_visible(timeout=15_000)
    page.screenshot(path=SHOTS / "worklist.png")
    page.keyboard.press("Enter")
    expect(page.locator("video").first).to_be_visible(timeout=15_000)
    page.wait_for_function("() => [...document.querySelectorAll('video')].some(v => v.readyState >= 2)", timeout=15_000)
    page.keyboard.press("2")
    page.keyboard.press("1")
    page.screenshot(path=SHOTS / "review.png")
    page.keyboard.press("c")
    with night.house.client(night.password) as client:
        items = wait_for(
            "the verdict in the worklist",
            lambda: [
                item
                for item in client.get("/api/v1/worklist", params={"state": "reviewed"}).json()["items"]
                if item["my_verdict"] == "confirmed"
            ],
            20,
        )
    assert items[0]["label"] == "confirmed"
    night.house.line("reviewed: confirmed", 10)
    page.goto(night.house.address() + "/beds")
    expect(page.get_by_text("bed-2").first).to_be_visible(timeout=15_000)
    page.screenshot(path=SHOTS / "beds.png")
    assert "For research use only" in page.content()


def test_a_span_that_no_detector_reported_is_pulled_and_becomes_watchable(night: Night) -> None:
    """Asks a bed for twenty seconds of its ring and waits until all of them are stored, raw segments too."""
    with night.house.client(night.password) as client:

        def long_enough() -> dict[str, Any] | None:
            beds: list[dict[str, Any]] = client.get("/api/v1/beds").json()["beds"]
            return next((bed for bed in beds if (bed["ring_hours"] or 0) * 3600 > 60), None)

        bed = wait_for("a ring of a minute", long_enough, 180)
        now_s = int(time.time())
        span = {"start_utc": iso(now_s - 45), "end_utc": iso(now_s - 25)}
        asked = client.post("/api/v1/pulls", json={"site": bed["site"], "bed": bed["bed"], **span})
        assert asked.status_code == 201, asked.text
        address = f"/api/v1/pulls/{asked.json()['pull_id']}"

        def stored() -> dict[str, Any] | None:
            found: dict[str, Any] = client.get(address).json()
            return found if found["standing"] == "stored" else None

        pulled = wait_for("the pulled span to be stored", stored, 300)
        part = pulled["parts"][0]
        detail = client.get(f"/api/v1/events/{part['event_id']}").json()
        video = client.get(detail["proxies"][0]["url"], headers={"range": "bytes=0-99"})
    for end in ("start_utc", "end_utc"):
        assert abs(moment(part[end]) - moment(span[end])) < timedelta(milliseconds=1), (
            "through the bed's clock and back"
        )
    told = part["streams"]["depth"]
    assert told["held"] > 0.5
    assert told["held"] + sum(told["lost"].values()) == pytest.approx(1.0, abs=0.05)
    assert (detail["cause"], detail["exportable"], video.status_code) == ("pull", True, 206)


def test_a_moment_marked_by_hand_is_on_the_worklist_within_seconds(night: Night) -> None:
    """Marks at the box by command and on the web; the two presses are one event, with a minute before the first."""
    with night.house.client(night.password) as client:
        bed = client.get("/api/v1/beds").json()["beds"][0]
        marked = run("deepepil-edge", "mark", "--config", str(night.house.folder / f"{bed['bed']}.toml"))
        assert marked.returncode == 0, marked.stderr
        event_id = marked.stdout.split()[1]
        wait_for("the mark in the worklist", lambda: event_id in ids(client), 30)
        asked = client.post(f"/api/v1/beds/{bed['site']}/{bed['bed']}/mark").json()

        def answered() -> list[dict[str, Any]]:
            parts: list[dict[str, Any]] = client.get(f"/api/v1/pulls/{asked['pull_id']}").json()["parts"]
            return parts

        assert [part["event_id"] for part in wait_for("the bed's answer to the mark", answered, 60)] == [event_id]
        detail = client.get(f"/api/v1/events/{event_id}").json()
    assert (detail["cause"], detail["event_start_ns"]) == ("button", 60_000_000_000)


@pytest.mark.parametrize("name", PROCESSES)
def test_a_killed_process_is_back_within_ten_seconds(night: Night, name: str) -> None:
    killed = night.house.bed_processes("bed-2")[name]
    told = len(night.house.lines)
    killed.kill()
    began = time.monotonic()

    def back() -> psutil.Process | None:
        found = night.house.bed_processes("bed-2").get(name)
        return found if found is not None and found.pid != killed.pid else None

    wait_for(f"{name} runs again", back, BACK_WITHIN_S)
    if name == "recorder":
        night.house.line(r"bed-2 .*cause restart", 30, told)
        night.house.line(r"bed-2 .*recorded", 30, told)
    assert time.monotonic() - began < 40


@pytest.mark.parametrize("name", ["api", "ingester", "worker", "broker", "supervisor"])
def test_a_killed_part_of_the_house_is_back_within_ten_seconds(night: Night, name: str) -> None:
    killed = night.house.part(name)
    assert killed is not None
    killed.kill()

    def back() -> bool:
        found = night.house.part(name)
        return found is not None and found.pid != killed.pid

    wait_for(f"{name} runs again", back, BACK_WITHIN_S)


def test_all_stops_cleanly_and_the_checkers_find_nothing(night: Night) -> None:
    agents = night.house.bed_processes("bed-1")
    assert night.house.stop() == 0, "\n".join(night.house.lines[-20:])
    assert not [name for name, process in agents.items() if process.is_running()]
    night.events = set()
    for bed in ("bed-1", "bed-2"):
        with closing(sqlite3.connect(night.house.folder / bed / "edge.db")) as kept:
            night.events |= {str(row[0]) for row in kept.execute("SELECT event_id FROM events")}
        checked = run("deepepil-edge", "check", str(night.house.folder / bed), "--read-data")
        assert checked.returncode == 0, checked.stdout + checked.stderr
    checked = run("deepepil-cloud", "check", "--config", str(night.house.folder / "cloud.toml"), "--read-data")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_second_start_goes_on_with_the_same_data(night: Night) -> None:
    night.house = DemoHouse(night.house.folder)
    night.house.address()
    with night.house.client(night.password) as client:
        wait_for("all events of the beds in the worklist", lambda: night.events <= ids(client), 60)
        items = client.get("/api/v1/worklist", params={"state": "all"}).json()["items"]
    assert night.item["event_id"] in {item["event_id"] for item in items}
    assert [item["label"] for item in items if item["my_verdict"]] == ["confirmed"]
    night.house.line("recorded", 60)


def iso(utc_s: int) -> str:
    """RFC 3339 in UTC, as the API says it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(utc_s))


def moment(text: str) -> datetime:
    """An instant as the API says it."""
    return datetime.fromisoformat(text)


def ids(client: httpx.Client) -> set[str]:
    """All events that the cloud knows."""
    found = client.get("/api/v1/worklist", params={"state": "all", "limit": 200}).json()["items"]
    return {item["event_id"] for item in found}


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(PROGRAMS / program), *arguments], capture_output=True, text=True, timeout=120, check=False
    )
