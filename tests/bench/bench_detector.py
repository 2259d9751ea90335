"""What the detector costs at a bed, from preview to score: `make bench-detector`.

The shipped process runs as the supervisor starts it, with the shipped release; this program takes the recorder's place on the bus and
publishes previews of the simulated ward at 15 a second. CPU time is the kernel's for that process. Catching up is the shipped
`BedDetector` reading previews from sealed segments; it is told by CPU time, since other programs share the machine, and by the clock.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import psutil

from edge_agent.bus import Publisher, Subscriber
from edge_agent.bus_messages import Beat, BusTopic
from edge_agent.database import open_database
from edge_agent.detection.bed_detector import BedDetector
from edge_agent.outbox.store import Outbox
from edge_agent.supervisor import command_of
from models.detector.cost import I3D_CLIP_S, I3D_GMAC, VSVIG_CLIP_S, VSVIG_GMAC, cost_of
from models.detector.nights import SPLITS, seizure_night
from shared.clock import NS_PER_S
from shared.detector_session import open_release
from shared.preview import PREVIEW_FPS, PREVIEW_PERIOD_NS, Preview
from shared.results import Figure, print_results, write_results
from shared.ward import Deed, ward_previews
from tests.bench.bench_edge import percentile
from tests.edge_agent.hand_clock import UTC_NS, HandClock
from tests.edge_agent.ring_files import add_segment, make_folder

RELEASES = Path("models/releases")
NAME = "detector-v0"
RENDERED_S = 60
WARM_UP_S = 15.0
CATCH_UP_S = 300
SEGMENT_S = 10
START_LIMIT_S = 60.0
LEAST_SECONDS = 60
"""A shorter run is for a quick look: its figures are kept under another name."""


def rendered() -> list[Preview]:
    """A minute of previews around the onset of a seizure, of a validation patient."""
    night = seizure_night(SPLITS["validation"][0], 5, (Deed.hypermotor,))
    pictures = ward_previews(night, fps=PREVIEW_FPS, samples=2)
    skip = max(0, round((night.episodes[-1].start_s - RENDERED_S / 2) * PREVIEW_FPS))
    found: list[Preview] = []
    for index, (ir, depth) in enumerate(pictures):
        if len(found) == RENDERED_S * PREVIEW_FPS:
            break
        if index >= skip:
            found.append(Preview(len(found), 0, 0, ir, depth))
    return found


def settings_file(folder: Path) -> Path:
    """Settings of a bed of which only the detector is started."""
    path = folder / "bed.toml"
    path.write_text(
        f'[bed]\nsite = "north"\nbed = "bed-4"\n[storage]\nfolder = "{folder / "bed"}"\nmax_bytes = 1000000000\n'
        f'[source]\nkind = "simulator"\n[detector]\nreleases_folder = "{RELEASES.resolve()}"\nrelease = "{NAME}"\n'
        '[mqtt]\nhost = "127.0.0.1"\nport = 1\n[cloud]\nurl = "http://127.0.0.1:1"\n'
    )
    return path


@contextmanager
def started(folder: Path) -> Iterator[psutil.Process]:
    """The detector's process, ended with the block."""
    with (folder / "detector.log").open("wb") as log:
        child = subprocess.Popen(
            command_of(settings_file(folder))("detector"), stdout=log, stderr=log, env={**os.environ}
        )
        try:
            yield psutil.Process(child.pid)
        finally:
            child.terminate()
            child.wait(20)


def in_real_time(previews: list[Preview], seconds: int) -> tuple[float, list[float]]:
    """The process's share of a core over so many seconds, and for each preview the seconds until a score that holds it."""
    with tempfile.TemporaryDirectory(prefix="deepepil-bench-") as place:
        folder = Path(place)
        make_folder(folder / "bed")
        publisher = Publisher(folder / "bed", "recorder")
        inbox = Subscriber(folder / "bed", (BusTopic.score, BusTopic.beat))
        try:
            with started(folder) as process:
                _hear_a_beat(inbox)
                _feed(previews, WARM_UP_S, publisher, inbox)
                before, began_s = process.cpu_times(), time.monotonic()
                waits_s = _feed(previews, seconds, publisher, inbox)
                after, lasted_s = process.cpu_times(), time.monotonic() - began_s
        finally:
            publisher.close()
            inbox.close()
    return (after.user + after.system - before.user - before.system) / lasted_s, waits_s


def _hear_a_beat(inbox: Subscriber) -> None:
    deadline_s = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline_s:
        found = inbox.receive(500)
        if found is not None and isinstance(found[1], Beat):
            return
    raise AssertionError(f"the detector did not beat within {START_LIMIT_S:.0f} s")


def _feed(previews: list[Preview], seconds: float, publisher: Publisher, inbox: Subscriber) -> list[float]:
    """Publishes at 15 a second and hears scores meanwhile; seconds that each preview waited for its score."""
    waiting: list[tuple[int, float]] = []
    waits_s: list[float] = []
    start_ns = time.monotonic_ns()
    for index in range(round(seconds * PREVIEW_FPS)):
        due_ns = start_ns + index * PREVIEW_PERIOD_NS
        _hear(inbox, due_ns, waiting, waits_s)
        now_ns = time.monotonic_ns()
        publisher.publish(
            BusTopic.preview,
            replace(previews[index % len(previews)], index=index, mono_ns=now_ns, utc_ns=time.time_ns()),
        )
        waiting.append((now_ns, now_ns / NS_PER_S))
    _hear(inbox, time.monotonic_ns() + NS_PER_S, waiting, waits_s)
    return waits_s


def _hear(inbox: Subscriber, until_ns: int, waiting: list[tuple[int, float]], waits_s: list[float]) -> None:
    while (left_ns := until_ns - time.monotonic_ns()) > 0:
        found = inbox.receive(max(1, left_ns // 1_000_000))
        if found is None or found[0] is not BusTopic.score:
            continue
        now_s = time.monotonic_ns() / NS_PER_S
        while waiting and waiting[0][0] <= found[1].mono_ns + PREVIEW_PERIOD_NS // 2:
            waits_s.append(now_s - waiting.pop(0)[1])


def catching_up(previews: list[Preview]) -> tuple[float, float]:
    """Times real time by CPU time and by the clock: five minutes of a ring, read and scored by a detector that just started."""
    with tempfile.TemporaryDirectory(prefix="deepepil-bench-") as place:
        folder = make_folder(Path(place) / "bed")
        clock = HandClock(mono_s=1000.0)
        with closing(open_database(folder)) as connection:
            for start_s in range(0, CATCH_UP_S, SEGMENT_S):
                add_segment(folder, connection, previews=_segment(previews, clock.now_ns, start_s))
            clock.advance(CATCH_UP_S)
            card, step = open_release(RELEASES, NAME)
            detector = BedDetector(folder, connection, Outbox(connection, "north", "bed-4"), card, step, clock)
            detector.set_stay(None, paused=False)
            detector.recover()
            cpu_s, wall_s, scores = time.process_time(), time.monotonic(), 0
            for preview in detector.catch_up():
                scores += len(detector.push(preview).scores)
            cpu_s, wall_s = time.process_time() - cpu_s, time.monotonic() - wall_s
            detector.close()
    assert scores >= 0.99 * CATCH_UP_S * 3, f"{scores} scores in {CATCH_UP_S} s"
    return CATCH_UP_S / cpu_s, CATCH_UP_S / wall_s


def _segment(previews: list[Preview], first_ns: int, start_s: int) -> Iterator[Preview]:
    for index in range(start_s * PREVIEW_FPS, (start_s + SEGMENT_S) * PREVIEW_FPS):
        mono_ns = first_ns + index * PREVIEW_PERIOD_NS
        yield replace(previews[index % len(previews)], index=index, mono_ns=mono_ns, utc_ns=UTC_NS + mono_ns)


def compute() -> dict[str, Figure]:
    """What a second of video costs to compute, beside published networks."""
    card, _ = open_release(RELEASES, NAME)
    cost = cost_of((RELEASES / card.file).read_bytes())
    clip_mmac = cost.mmac_per_s * VSVIG_CLIP_S
    vsvig = " to ".join(f"{1000 * gmac:.0f}" for gmac in VSVIG_GMAC)
    return {
        "detector_parameters": Figure(cost.parameters, "", "<= 300000", cost.parameters <= 300_000),
        "detector_mflop_per_s": Figure(
            round(2 * cost.mmac_per_s, 2), "MFLOP/s of video", "<= 100", 2 * cost.mmac_per_s <= 100
        ),
        "detector_mmac_per_step": Figure(round(cost.macs / 1e6, 3), "MMAC"),
        "detector_mmac_a_5_s_clip": Figure(round(clip_mmac, 1), "MMAC, the network alone"),
        "vsvig_mmac_a_5_s_clip": Figure(vsvig, "MMAC, published, no pose net"),
        "i3d_mmac_a_5_s_clip": Figure(round(1000 * I3D_GMAC * VSVIG_CLIP_S / I3D_CLIP_S), "MMAC, 104 GMAC in 2 s"),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=120)
    seconds = parser.parse_args().seconds
    print(f"rendering {RENDERED_S} s of previews", flush=True)
    previews = rendered()
    print(f"the detector's process in real time, {seconds} s", flush=True)
    share, waits_s = in_real_time(previews, seconds)
    print(f"catching up over {CATCH_UP_S} s of a ring", flush=True)
    by_cpu, by_clock = catching_up(previews)
    latency_s = percentile(waits_s, 0.99)
    figures = {
        "detector_core_share": Figure(round(share, 4), "share of a core", "<= 0.05", share <= 0.05),
        "detector_catch_up_x": Figure(round(by_cpu, 1), "x real time a core", ">= 100", by_cpu >= 100),
        "detector_catch_up_by_clock_x": Figure(round(by_clock, 1), "x real time, this run"),
        "score_latency_s": Figure(round(latency_s, 3), f"s, p99 of {len(waits_s)}", "<= 0.7", latency_s <= 0.7),
        "score_latency_median_s": Figure(round(percentile(waits_s, 0.5), 3), "s"),
        "score_latency_most_s": Figure(round(max(waits_s, default=float("nan")), 3), "s"),
        "other_load": Figure(round(os.getloadavg()[0], 1), f"of {os.cpu_count()} cores, 1 minute"),
        **compute(),
    }
    print_results(figures)
    name = "bench-detector" if seconds >= LEAST_SECONDS else "bench-detector-short"
    print(write_results(name, f"make bench-detector, {seconds} s", figures))
    return 0 if all(figure.holds is not False for figure in figures.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
