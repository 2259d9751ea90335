"""What recording costs: the recorder with codec, preview, hashing and flushing, fed from frames rendered beforehand.

Each bed is the real capture loop, recorder and evictor as processes of their own; CPU time is the recorder's, from the kernel.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from shared.results import Figure
from tests.bench.rendered import AZURE_NFOV, KINECT_V2, Kind, render

SETTINGS = """
[bed]
site = "bench"
bed = "{bed}"
[storage]
folder = "{folder}"
max_bytes = 1_500_000_000
reserve_bytes = 16_777_216
[source]
kind = "simulator"
[detector]
releases_folder = "releases"
release = "none"
[mqtt]
host = "127.0.0.1"
port = 1
[cloud]
url = "http://127.0.0.1:1"
"""
WARM_UP_S = 30.0
RENDERED_S = 60
_QUIET = threading.Event()


@dataclass(slots=True)
class Bed:
    """One bed that records: its folder and its processes."""

    folder: Path
    capture: psutil.Process
    recorder: psutil.Process
    evictor: psutil.Process

    def cpu_s(self) -> float:
        times = self.recorder.cpu_times()
        return float(times.user + times.system)

    def missing(self) -> dict[str, int]:
        """Frames in gap records by cause, and what the recorder wrote."""
        connection = sqlite3.connect(f"file:{self.folder / 'edge.db'}?mode=ro", uri=True, timeout=10)
        try:
            return dict(connection.execute("SELECT cause, SUM(missing_frames) FROM gaps GROUP BY cause").fetchall())
        finally:
            connection.close()


@dataclass(frozen=True, slots=True)
class Measured:
    """Of one run: the recorder's share of a core (mean over the beds), dropped frames, growth of memory and descriptors."""

    core_share: float
    dropped: int
    source_late: int
    rss_growth_mb: float
    descriptor_growth: int


@contextmanager
def bed_that_records(folder: Path, name: str, place: Path, kind: Kind) -> Iterator[Bed]:
    """Starts the three processes; stops them at the end."""
    folder.mkdir(parents=True)
    config = folder / "bed.toml"
    config.write_text(SETTINGS.format(bed=name, folder=folder / "data"))
    feeding = [sys.executable, "-m", "tests.bench.fed_capture", str(config), str(place), kind.name]
    own = [
        [sys.executable, "-m", "edge_agent.cli", "process", row, "--config", str(config)]
        for row in ("recorder", "evictor")
    ]
    log = (folder / "log.jsonl").open("wb")
    environment = {key: value for key, value in os.environ.items() if key != "DEEPEPIL_SUPERVISOR_PID"}
    children: list[subprocess.Popen[bytes]] = []
    try:
        for command in (own[0], own[1], feeding):
            children.append(subprocess.Popen(command, stdout=log, stderr=log, env=environment))
        recorder, evictor, capture = (psutil.Process(child.pid) for child in children)
        yield Bed(folder / "data", capture, recorder, evictor)
    finally:
        for child in reversed(children):
            child.terminate()
        for child in children:
            child.wait(20)
        log.close()


def measure(folder: Path, kind: Kind, beds: int, seconds: float, rendered: Path) -> Measured:
    """Runs that many beds for that long after a warm-up that holds whole segments."""
    place = rendered / f"{kind.name}-{RENDERED_S}"
    with _many(folder, kind, beds, place) as running:
        _QUIET.wait(WARM_UP_S)
        before = [(bed.cpu_s(), bed.recorder.memory_info().rss, bed.recorder.num_fds(), _drops(bed)) for bed in running]
        began = time.monotonic()
        for _ in range(max(1, round(seconds / 10))):
            _QUIET.wait(seconds / max(1, round(seconds / 10)))
            assert all(bed.recorder.is_running() for bed in running), "a recorder ended during the run"
        lasted = time.monotonic() - began
        after = [(bed.cpu_s(), bed.recorder.memory_info().rss, bed.recorder.num_fds(), _drops(bed)) for bed in running]
    shares = [(now[0] - then[0]) / lasted for then, now in zip(before, after, strict=True)]
    return Measured(
        sum(shares) / beds,
        sum(now[3][0] - then[3][0] for then, now in zip(before, after, strict=True)),
        sum(now[3][1] - then[3][1] for then, now in zip(before, after, strict=True)),
        max((now[1] - then[1]) / 1e6 for then, now in zip(before, after, strict=True)),
        max(now[2] - then[2] for then, now in zip(before, after, strict=True)),
    )


def _drops(bed: Bed) -> tuple[int, int]:
    """Frames lost at the bed, and frames that the feeder itself gave late."""
    missing = bed.missing()
    return sum(missing.get(cause, 0) for cause in ("bus", "disk", "restart")), missing.get("source", 0)


@contextmanager
def _many(folder: Path, kind: Kind, beds: int, place: Path) -> Iterator[list[Bed]]:
    from contextlib import ExitStack

    with ExitStack() as stack:
        yield [
            stack.enter_context(bed_that_records(folder / f"bed-{number}", f"bed-{number}", place, kind))
            for number in range(1, beds + 1)
        ]


def recorder_figures(folder: Path, minutes: float) -> dict[str, Figure]:
    """One Azure Kinect bed, one Kinect v2 bed, then four Kinect v2 beds for `minutes`."""
    rendered = folder
    for kind in (KINECT_V2, AZURE_NFOV):
        print(f"rendering {RENDERED_S} s of {kind.name}", flush=True)
        render(rendered, kind, RENDERED_S)
    short_s = min(120.0, minutes * 60.0)
    print("one Azure Kinect bed", flush=True)
    azure = measure(folder / "azure", AZURE_NFOV, 1, short_s, rendered)
    print("one Kinect v2 bed", flush=True)
    single = measure(folder / "single", KINECT_V2, 1, short_s, rendered)
    print(f"four Kinect v2 beds for {minutes:g} minutes", flush=True)
    four = measure(folder / "four", KINECT_V2, 4, minutes * 60.0, rendered)
    all_there = four.dropped == 0
    return {
        "recorder_core_share_kinect_v2": Figure(
            round(single.core_share, 3), "share of a core", "<= 0.12", single.core_share <= 0.12
        ),
        "recorder_core_share_azure": Figure(
            round(azure.core_share, 3), "share of a core", "<= 0.20", azure.core_share <= 0.20
        ),
        "beds_realtime_2_cores": Figure(4 if all_there else 0, "beds, none dropped", ">= 4", all_there),
        "recorder_core_share_of_four": Figure(round(four.core_share, 3), "share of a core each"),
        "recorder_dropped_frames": Figure(four.dropped + single.dropped + azure.dropped, "frames", "0", all_there),
        "feeder_late_frames": Figure(four.source_late, "frames", "the feeder's own"),
        "recorder_rss_growth_mb": Figure(
            round(four.rss_growth_mb, 1), f"MB in {minutes:g} min", "< 5", four.rss_growth_mb < 5.0
        ),
        "recorder_descriptor_growth": Figure(four.descriptor_growth, "descriptors", "0", four.descriptor_growth <= 0),
    }
