"""What an upload costs: the cloud's api beside a bare sink, one clip of 2 GB and 50 of 64 MB at once, by the bed's own client.

Writes build/results/bench-upload.json. Both ends run on this machine, so the figures are ratios; wall time and CPU time.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from shared.clip import CHUNK_BYTES
from shared.errors import DeepEpilError
from shared.results import Figure, print_results, write_results
from tests.bench.upload_house import Api, BareSink, BigThing, database, make_file, send

MIB = 1024 * 1024
ROUNDS = 3


def seconds(deed: Callable[[], None]) -> float:
    """Wall seconds of it."""
    start = time.monotonic()
    deed()
    return time.monotonic() - start


def all_at_once(deeds: list[Callable[[], None]]) -> None:
    """Every deed in a thread of its own; the first fault is raised."""
    faults: list[DeepEpilError] = []

    def guarded(deed: Callable[[], None]) -> None:
        try:
            deed()
        except DeepEpilError as error:
            faults.append(error)

    threads = [threading.Thread(target=guarded, args=(deed,)) for deed in deeds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]


def run(folder: Path, large_bytes: int, many: int) -> dict[str, Figure]:
    """All measurements."""
    figures: dict[str, Figure] = {}
    with database(folder) as address:
        api = Api(folder, address)
        api.start()
        resting = api.peak_rss_bytes
        ratios = []
        for bed in range(ROUNDS):
            thing = make_file(folder / "large", large_bytes)
            sink = BareSink(folder / "sink", api.authority)
            sink.start()
            api.expect({f"bed-{bed}": thing})
            ours_port, api.port = api.port, sink.port
            bare = api.client(f"bed-{bed}")
            api.port = ours_port
            sink_s = seconds(lambda client=bare, what=thing: send(client, what))  # type: ignore[misc]
            sink.stop()
            shutil.rmtree(folder / "sink")
            client = api.client(f"bed-{bed}")
            before = api.cpu_s
            ours_s = seconds(lambda client=client, what=thing: send(client, what))  # type: ignore[misc]
            ratios.append((sink_s / ours_s, large_bytes / ours_s / 1e6, large_bytes / sink_s / 1e6, api.cpu_s - before))
            overhead = client.sent_bytes / large_bytes
            shutil.rmtree(folder / "objects")
        ratio = median(each[0] for each in ratios)
        figures["upload_vs_bare_sink"] = Figure(round(ratio, 2), "ratio", ">= 0.45", ratio >= 0.45)
        figures["upload_mb_per_s"] = Figure(round(median(each[1] for each in ratios)), "MB/s")
        figures["bare_sink_mb_per_s"] = Figure(round(median(each[2] for each in ratios)), "MB/s")
        cpu_s = median(each[3] for each in ratios) / (large_bytes / 1e9)
        figures["upload_server_cpu_s_per_gb"] = Figure(round(cpu_s, 2), "s")
        figures["upload_overhead_ratio"] = Figure(round(overhead, 4), "ratio", "<= 1.01", overhead <= 1.01)
        one = api.peak_rss_bytes
        things = {f"bed-m{n}": make_file(folder / f"many-{n}", 4 * CHUNK_BYTES) for n in range(many)}
        api.expect(things)
        many_s = seconds(lambda: all_at_once([_sending(api, name, what) for name, what in things.items()]))
        figures["upload_many_mb_per_s"] = Figure(round(many * 4 * CHUNK_BYTES / many_s / 1e6), "MB/s")
        figures["upload_server_rss_resting_mb"] = Figure(round(resting / MIB), "MiB")
        figures["upload_server_rss_one_large_mb"] = Figure(round(one / MIB), "MiB", "<= 300", one <= 300 * MIB)
        peak = api.peak_rss_bytes
        figures["upload_server_rss_mb"] = Figure(round(peak / MIB), "MiB", "<= 300", peak <= 300 * MIB)
        api.stop()
    return figures


def _sending(api: Api, bed: str, thing: BigThing) -> Callable[[], None]:
    return lambda: send(api.client(bed), thing)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large-mb", type=int, default=2048, help="MiB of the one large clip")
    parser.add_argument("--many", type=int, default=50, help="clips of 64 MiB at once")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="deepepil-bench-upload-"))
    try:
        figures = run(folder, options.large_mb * MIB, options.many)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print_results(figures)
    whole = options.large_mb == 2048 and options.many == 50
    command = f"python -m tests.bench.bench_upload --large-mb {options.large_mb} --many {options.many}"
    write_results("bench-upload" if whole else "bench-upload-short", command, figures)


if __name__ == "__main__":
    main()
