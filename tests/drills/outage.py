"""The outage drill on the running demonstration: `make drill-outage`.

The cloud is turned off, the broker too for the second half; meanwhile events are marked at both beds and their simulated
patients have seizures; one bed is killed in the middle of it. Then all is turned on again, and it is counted what arrived: each
event once, its clip watchable, the order of each bed kept, both checkers green, and what the pages say.

Exit code 0 when every goal holds, 1 with a sentence for each that does not.
"""

from __future__ import annotations

import argparse
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from shared.results import Figure, print_results, write_results
from tests.drills.pages import Look, picture
from tests.system.demo_house import PROGRAMS, DemoHouse, first_classified, wait_for

COMMAND = "make drill-outage"
BEDS = ("bed-1", "bed-2")
MARKS_APART_S = 130.0
"""A mark takes a minute before and after it; a second one within that would be the same event."""
FIRST_EVENT_LIMIT_S = 300.0
CLIPS_LIMIT_S = 900.0
START_LIMIT_S = 180.0
MOST_PAGES = 50
PICTURES = Path("build/screens")


@dataclass(slots=True)
class Drill:
    """One drill under way: the house, when it began, and what went wrong so far."""

    house: DemoHouse
    password: str
    began_s: float = field(default_factory=time.monotonic)
    complaints: list[str] = field(default_factory=list)

    def say(self, sentence: str) -> None:
        print(f"{time.monotonic() - self.began_s:6.0f} s  {sentence}", flush=True)

    def require(self, holds: bool, complaint: str) -> bool:
        if not holds:
            self.complaints.append(complaint)
            self.say(f"COMPLAINT: {complaint}")
        return holds

    def turn(self, part: str, deed: str) -> None:
        self.say(run("deepepil-cloud", "demo-switch", part, deed, "--folder", str(self.house.folder)).stdout.strip())

    def mark(self, bed: str) -> None:
        marked = run("deepepil-edge", "mark", "--config", str(self.house.folder / f"{bed}.toml"))
        self.require(marked.returncode == 0, f"the mark at {bed} failed: {marked.stderr.strip()}")
        self.say(f"{bed}: {marked.stdout.strip()}")


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """One of our commands, to its end within ten minutes."""
    return subprocess.run(
        [str(PROGRAMS / program), *arguments], capture_output=True, text=True, timeout=600, check=False
    )


def answers(address: str) -> bool:
    """Whether the pages are served."""
    try:
        return httpx.get(address, timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def events_at(folder: Path, bed: str) -> dict[str, str]:
    """Every event that the bed's own database holds, with its cause."""
    with closing(sqlite3.connect(f"file:{folder / bed / 'edge.db'}?mode=ro", uri=True)) as kept:
        rows = kept.execute("SELECT event_id, json_extract(report, '$.cause') FROM events").fetchall()
    return {str(event_id): str(cause) for event_id, cause in rows}


def all_items(client: httpx.Client) -> list[dict[str, Any]]:
    """The whole worklist, page by page."""
    found: list[dict[str, Any]] = []
    place: str | None = None
    for _ in range(MOST_PAGES):
        asked = {"state": "all", "limit": "200"} | ({"after": place} if place else {})
        answer = client.get("/api/v1/worklist", params=asked).json()
        found += answer["items"]
        place = answer["next"]
        if place is None:
            break
    return found


def outage(drill: Drill, outage_s: float, look: Look) -> float:
    """The outage itself, with a picture of the page that stood open. Returns how long the cloud was away, in seconds."""
    turn, began_s = threading.Event(), time.monotonic()
    drill.turn("cloud", "off")
    marked = dict.fromkeys(BEDS, 0.0)
    done = {"broker off": False, "bed killed": False}
    while (passed_s := time.monotonic() - began_s) < outage_s:
        if passed_s > outage_s / 2 and not done["broker off"]:
            drill.turn("broker", "off")
            done["broker off"] = True
        if passed_s > outage_s * 0.6 and not done["bed killed"]:
            drill.turn("bed-1", "kill")
            done["bed killed"] = True
        for bed in BEDS[1:] if done["bed killed"] else BEDS:
            if time.monotonic() - marked[bed] > MARKS_APART_S:
                drill.mark(bed)
                marked[bed] = time.monotonic()
        turn.wait(1.0)
    look("outage-during")
    drill.turn("broker", "on")
    drill.turn("cloud", "on")
    drill.turn("bed-1", "on")
    wait_for("the cloud to answer", lambda: answers(drill.house.address()), START_LIMIT_S)
    drill.say("the cloud answers again")
    return time.monotonic() - began_s


def arrived(drill: Drill, expected: set[str]) -> list[dict[str, Any]]:
    """The worklist once it holds all expected events, each with its video."""
    told = 0.0

    def missing(client: httpx.Client) -> list[str]:
        nonlocal told
        items = {item["event_id"]: item for item in all_items(client)}
        without = [one for one in expected if one not in items or items[one]["clip"] not in {"watchable", "stored"}]
        if without and time.monotonic() > told + 15:
            told = time.monotonic()
            absent = sum(one not in items for one in expected)
            drill.say(f"{len(expected)} events: {absent} not here yet, {len(without) - absent} wait for their video")
        return without

    with drill.house.client(drill.password) as client:
        try:
            wait_for("all events and their video", lambda: not missing(client), CLIPS_LIMIT_S)
        except AssertionError as error:
            drill.require(False, f"{error}: {sorted(missing(client))}")
        return all_items(client)


def disorder(items: Sequence[dict[str, Any]], folder: Path) -> Iterator[str]:
    """Where the cloud's order of a bed's events by their beginning differs from the bed's own."""
    for bed in BEDS:
        with closing(sqlite3.connect(f"file:{folder / bed / 'edge.db'}?mode=ro", uri=True)) as kept:
            rows = kept.execute("SELECT event_id, report ->> 'start_utc_ns' FROM events ORDER BY 2, 1").fetchall()
        here = [str(event_id) for event_id, _ in rows]
        there = sorted((one for one in items if one["bed"] == bed), key=lambda one: (one["start_utc"], one["event_id"]))
        if here != [one["event_id"] for one in there]:
            yield f"{bed}: the cloud's events are in another order than the bed's"


def judge(drill: Drill, items: Sequence[dict[str, Any]], made: dict[str, dict[str, str]]) -> dict[str, int]:
    """Counts against the beds' own databases, after a clean stop, with both checkers."""
    counted = Counter(item["event_id"] for item in items)
    expected = {event for events in made.values() for event in events}
    lost, doubled = expected - set(counted), [one for one, times in counted.items() if times > 1]
    drill.require(not lost, f"lost: {sorted(lost)}")
    drill.require(not doubled, f"doubled: {doubled}")
    for sentence in disorder(items, drill.house.folder):
        drill.require(False, sentence)
    drill.require(drill.house.stop() == 0, "the demonstration did not stop cleanly")
    for bed in BEDS:
        checked = run("deepepil-edge", "check", str(drill.house.folder / bed), "--read-data")
        drill.require(checked.returncode == 0, f"{bed}: {checked.stdout.strip()}")
    checked = run("deepepil-cloud", "check", "--config", str(drill.house.folder / "cloud.toml"), "--read-data")
    drill.require(checked.returncode == 0, f"cloud: {checked.stdout.strip()}")
    return {"expected": len(expected), "lost": len(lost), "doubled": len(doubled)}


def perform(minutes: float) -> int:
    """The whole drill; returns the exit code."""
    folder = Path(tempfile.mkdtemp(prefix="deepepil-drill-"))
    house = DemoHouse(folder)
    try:
        drill = Drill(house, house.password())
        house.address()
        with house.client(drill.password) as client:
            wait_for("a first event", lambda: first_classified(client), FIRST_EVENT_LIMIT_S)
        drill.say("a seizure was detected, delivered and classified before the outage")
        before = {bed: events_at(folder, bed) for bed in BEDS}
        with picture(house.address(), drill.password, PICTURES) as look:
            away_s = outage(drill, minutes * 60, look)
            made = {bed: events_at(folder, bed) for bed in BEDS}
            during = {one for bed in BEDS for one in made[bed]} - {one for bed in BEDS for one in before[bed]}
            items = arrived(drill, {one for bed in BEDS for one in made[bed]})
            back_s = time.monotonic() - drill.began_s
            late = [item for item in items if item["event_id"] in during]
            look("outage-worklist", "/")
            look("outage-beds", "/beds")
            if late:
                look("outage-event", f"/events/{min(late, key=lambda one: str(one['start_utc']))['event_id']}")
        made = {bed: events_at(folder, bed) for bed in BEDS}
        items = arrived(drill, {one for bed in BEDS for one in made[bed]})
        counts = judge(drill, items, made)
        return report(drill, minutes, away_s, len(during), back_s, counts)
    finally:
        house.stop()
        shutil.rmtree(folder, ignore_errors=True)


def report(drill: Drill, minutes: float, away_s: float, during: int, back_s: float, counts: dict[str, int]) -> int:
    """The table and the file; returns the exit code."""
    figures = {
        "outage_s": Figure(round(away_s), "s without the cloud"),
        "events": Figure(counts["expected"], "events of both beds"),
        "events_in_outage": Figure(during, "made while the cloud was away", ">= 2", during >= 2),
        "events_lost": Figure(counts["lost"], "events", "0", counts["lost"] == 0),
        "events_doubled": Figure(counts["doubled"], "events", "0", counts["doubled"] == 0),
        "all_watchable_s": Figure(round(back_s), "s after the drill began"),
        "complaints": Figure(len(drill.complaints), "sentences", "0", not drill.complaints),
    }
    print_results(figures)
    write_results("drill-outage" if minutes >= 10 else "drill-outage-short", COMMAND, figures)
    for sentence in drill.complaints:
        print(f"complaint: {sentence}")
    return 1 if drill.complaints or during < 2 else 0


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="An outage of the cloud, a killed bed, and what arrives afterwards.")
    parser.add_argument("--minutes", type=float, default=10.0, help="how long the cloud is away (default 10)")
    asked = parser.parse_args()
    if not 0.5 <= asked.minutes <= 120:
        parser.error("--minutes is a number from 0.5 to 120")
    sys.exit(perform(asked.minutes))


if __name__ == "__main__":
    main()
