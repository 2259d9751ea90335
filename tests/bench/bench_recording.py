"""Recording at the limit, in one table: the codec against its peers, the recorder's cost, the cut of a clip. `make bench-recording`."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from shared.results import Figure, print_results, write_results
from tests.bench.bench_clip_cut import clip_cut_figures
from tests.bench.bench_codec import codec_figures
from tests.bench.bench_recorder import RENDERED_S, recorder_figures
from tests.bench.limits import limit_figures

COMMAND = "make bench-recording"
LEAST_MINUTES = 20.0
"""Memory may creep: a shorter run is for a quick look and is kept under another name."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=LEAST_MINUTES, help="how long the four beds record")
    minutes = parser.parse_args().minutes
    figures: dict[str, Figure] = {}
    with tempfile.TemporaryDirectory(prefix="deepepil-bench-") as name:
        folder = Path(name)
        figures |= codec_figures(folder)
        figures |= limit_figures(folder, RENDERED_S)
        figures |= clip_cut_figures(folder)
        figures |= recorder_figures(folder, minutes)
    print_results(figures)
    kept = "bench-recording" if minutes >= LEAST_MINUTES else "bench-recording-short"
    print(write_results(kept, f"{COMMAND} RECORDING_MINUTES={minutes:g}", figures))
    return 0 if all(figure.holds is not False for figure in figures.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
