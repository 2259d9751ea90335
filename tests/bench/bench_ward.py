"""What the simulated ward costs: `make bench-ward`.

CPU seconds of this process, one thread, compiled beforehand: full frames at 30 a second as the source `simulator` makes them, and
previews with everything before the network (motion, picture, sensor, block means, detector input), for both wards. Shares of the
machine's cores that other programs use at the same time make the figures worse, never better.
"""

from __future__ import annotations

import os
import time
from itertools import islice

import numpy as np

from shared.detector_input import DetectorInput
from shared.preview import PREVIEW_FPS, PREVIEW_PERIOD_NS
from shared.results import Figure, print_results, write_results
from shared.ward import Night, Placement, Stage, StagedNight, Ward, plan_demo, ward_previews

FRAMES_PER_S = 30
START_S = 30.0
ROUNDS = 3
SIZES = ((512, 424), (640, 576))


def core_share(night: Night, width: int, height: int, seconds: int) -> float:
    """CPU seconds a second of full frames: the median of some rounds over a demonstration's first seizure."""
    ward = Ward(night, width=width, height=height)
    ward.at(START_S)
    shares = []
    for number in range(ROUNDS):
        begun = time.process_time()
        for k in range(seconds * FRAMES_PER_S):
            ward.at(START_S + number * seconds + k / FRAMES_PER_S)
        shares.append((time.process_time() - begun) / seconds)
    return float(np.median(shares))


def times_real(night: Night, samples: int, seconds: int) -> float:
    """Seconds of previews and detector input that one CPU second makes: the median of some rounds."""
    source = DetectorInput()
    previews = ward_previews(night, samples=samples)
    count = 0
    ratios = []
    for number in range(ROUNDS + 1):
        begun = time.process_time()
        for ir, depth in islice(previews, seconds * PREVIEW_FPS):
            source.push(ir, depth, count * PREVIEW_PERIOD_NS)
            count += 1
        if number:
            ratios.append(seconds / (time.process_time() - begun))
    return float(np.median(ratios))


def main() -> None:
    """Measures both wards, prints the table and writes `build/results/bench-ward.json`."""
    first = plan_demo(1, 1)
    second = StagedNight(1, 1, first.duration_s, first.episodes, Stage(Placement.foot, 22.0, 1))
    figures = {"load_average_before": Figure(round(os.getloadavg()[0], 1), "runnable programs")}
    for name, night in (("first", first), ("second", second)):
        for width, height in SIZES:
            share = core_share(night, width, height, 8)
            figures[f"{name}_ward_core_share_{width}x{height}"] = Figure(
                round(share, 3), "cores at 30 frames/s", "at most 0.25", share <= 0.25
            )
        for samples in (1, 2):
            ratio = times_real(night, samples, 40)
            figures[f"{name}_ward_previews_x_{samples}_rays"] = Figure(
                round(ratio, 1), "times real time a core", "at least 120", ratio >= 120
            )
    print_results(figures)
    write_results("bench-ward", "make bench-ward", figures)


if __name__ == "__main__":
    main()
