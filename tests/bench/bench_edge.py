"""What one Kinect v2 bed costs on this machine, with the real broker and cloud beside it: `make bench-edge`.

512×424 depth and infrared at 30 frames a second, 1080p JPEG colour at 10, simulated and noisy, no frame twice; CPU time is read
from the kernel for each process, the simulator's own share is measured by its thread and given apart.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import psutil

from cloud.demo import configs
from cloud.demo.layout import DemoBed, Ports
from cloud.demo.run import Demo
from edge_agent.bus import Subscriber
from edge_agent.bus_messages import BusTopic
from shared.results import Figure, print_results, write_results

BED = DemoBed("bench", "bed-1", 9001, 1, colour_per_s=10.0, colour_width=1920, colour_height=1080)
LEAST_WARM_UP_S = 60.0
LONGEST_WARM_UP_S = 300.0
"""The warm-up ends once a whole clip went its way: encoders, TLS and the upload are loaded then, and growth means growth."""
BEAT_LIMIT_S = 15.0
COMMAND = "make bench-edge"
LEAST_MINUTES = 10.0
"""A shorter run is for a quick look: its figures are kept under another name."""


@dataclass
class Heard:
    """What the logs of bed and cloud said, with times in seconds."""

    opened: dict[str, float] = field(default_factory=dict)
    closed: dict[str, float] = field(default_factory=dict)
    receipts: dict[str, float] = field(default_factory=dict)
    watchable: dict[str, float] = field(default_factory=dict)
    classified_s: list[float] = field(default_factory=list)
    missing: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def hear(self, raw: str) -> None:
        try:
            fields = json.loads(raw)
        except ValueError:
            return
        name, event = fields.get("event"), str(fields.get("event_id", ""))
        at_s = datetime.fromisoformat(fields["timestamp"]).timestamp() if "timestamp" in fields else 0.0
        if name == "event_opened":
            self.opened[event] = at_s
        elif name == "event_closed":
            self.closed[event] = at_s
        elif name == "receipt_arrived":
            self.receipts.setdefault(event, at_s)
        elif name == "proxy_stored":
            self.watchable[event] = at_s
        elif name == "event_classified":
            self.classified_s.append(float(fields["seconds"]))
        elif name == "gap_recorded":
            self.missing[str(fields.get("cause"))] += int(fields.get("missing_frames", 0))


class BenchDemo(Demo):
    """The demonstration with one bed, listened to."""

    heard: Heard

    def tell(self, origin: str, raw: str) -> None:
        self.heard.hear(raw)
        super().tell(origin, raw)


def processes_of(supervisor: int) -> dict[str, psutil.Process]:
    """The bed's processes by name; the supervisor is one of them."""
    parent = psutil.Process(supervisor)
    found = {"supervisor": parent}
    for child in parent.children(recursive=True):
        title = " ".join(child.cmdline())
        if title.startswith("deepepil-edge: "):
            found[title.removeprefix("deepepil-edge: ").split()[0]] = child
    return found


def cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def measure(demo: BenchDemo, minutes: float) -> tuple[dict[str, float], dict[str, float]]:
    """CPU share of each process over the run, and the growth of its resident memory in MB."""
    quiet = threading.Event()
    quiet.wait(LEAST_WARM_UP_S)
    deadline = time.monotonic() + LONGEST_WARM_UP_S - LEAST_WARM_UP_S
    while not demo.heard.classified_s and time.monotonic() < deadline:
        quiet.wait(1.0)
    processes = processes_of(demo.programs[-1].child.pid)
    began = time.monotonic()
    before = {name: cpu_s(process) for name, process in processes.items()}
    source_before = source_cpu_s(demo)
    rss_before = {name: process.memory_info().rss for name, process in processes.items()}
    quiet.wait(minutes * 60.0)
    lasted = time.monotonic() - began
    shares = {name: (cpu_s(process) - before[name]) / lasted for name, process in processes.items()}
    shares["simulator"] = (source_cpu_s(demo) - source_before) / lasted
    shares["capture"] -= shares["simulator"]
    grown_mb = {name: (process.memory_info().rss - rss_before[name]) / 1e6 for name, process in processes.items()}
    return shares, grown_mb


def source_cpu_s(demo: BenchDemo) -> float:
    """CPU seconds that the source itself used so far, as capture's beat tells on the bus of the box."""
    subscriber = Subscriber(demo.folder / BED.bed, (BusTopic.beat,))
    try:
        deadline = time.monotonic() + BEAT_LIMIT_S
        while time.monotonic() < deadline:
            found = subscriber.receive(500)
            if found is not None and found[1].process == "capture":
                return float(found[1].counters["source_cpu_s"])
    finally:
        subscriber.close()
    raise AssertionError(f"capture did not beat within {BEAT_LIMIT_S:.0f} s")


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def figures_of(heard: Heard, shares: dict[str, float], grown_mb: dict[str, float]) -> dict[str, Figure]:
    """The figures of the issue's goals; a share is of one core."""
    agent = sum(share for name, share in shares.items() if name != "simulator")
    growth_mb = sum(grown_mb.values())
    receipt_s = [heard.receipts[event] - at_s for event, at_s in heard.opened.items() if event in heard.receipts]
    ready_s = [heard.watchable[event] - at_s for event, at_s in heard.closed.items() if event in heard.watchable]
    dropped = sum(count for cause, count in heard.missing.items() if cause in {"bus", "disk", "restart"})
    figures = {
        "edge_bed_core_share": Figure(round(agent, 3), "share of a core", "<= 0.60", agent <= 0.60),
        "edge_dropped_frames": Figure(dropped, "frames", "0", dropped == 0),
        "edge_source_late_frames": Figure(heard.missing.get("source", 0), "frames", "the simulator's own"),
        "edge_rss_growth_mb": Figure(round(growth_mb, 1), "MB", "< 5", growth_mb < 5.0),
    }
    for name, grown in grown_mb.items():
        figures[f"edge_rss_growth_mb_{name}"] = Figure(round(grown, 1), "MB")
    for name, share in shares.items():
        figures[f"edge_core_share_{name}"] = Figure(round(share, 3), "share of a core")
    p99 = percentile(receipt_s, 0.99)
    figures["event_to_receipt_p99_s"] = Figure(round(p99, 3), f"s, n={len(receipt_s)}", "<= 1", p99 <= 1.0)
    slowest = max(ready_s, default=float("nan"))
    figures["proxy_ready_s"] = Figure(round(slowest, 1), f"s, slowest of {len(ready_s)}", "<= 15", slowest <= 15.0)
    clip_s = max(heard.classified_s, default=float("nan"))
    figures["i3d_narrow_clip_s"] = Figure(
        round(clip_s, 1), f"s, slowest of {len(heard.classified_s)}", "<= 10", clip_s <= 10.0
    )
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=LEAST_MINUTES)
    minutes = parser.parse_args().minutes
    with tempfile.TemporaryDirectory(prefix="deepepil-bench-") as folder:
        demo = BenchDemo(Path(folder), "simulator", configs.releases_folder(), Ports.choose(), beds=(BED,))
        demo.heard = Heard()
        try:
            demo.prepare()
            demo.start()
            shares, grown_mb = measure(demo, minutes)
        finally:
            demo.stop()
        figures = figures_of(demo.heard, shares, grown_mb)
    print_results(figures)
    name = "bench-edge" if minutes >= LEAST_MINUTES else "bench-edge-short"
    print(write_results(name, f"{COMMAND} MINUTES={minutes:g}", figures))
    return 0 if all(figure.holds is not False for figure in figures.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
