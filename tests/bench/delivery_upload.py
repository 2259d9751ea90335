"""What an upload costs: the cloud's api beside a bare sink, large clips, many at once, cut connections; by the bed's own client."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from statistics import median

from edge_agent.transfer.cloud_client import CloudClient
from shared.clip import CHUNK_BYTES, chunk_count
from shared.errors import DeepEpilError, Transient
from shared.results import Figure
from tests.bench.upload_house import Api, BareSink, BigThing, database, make_file, send
from tests.gates import Gate

MIB = 1024 * 1024
ROUNDS = 3
CUTS = 4
MANY_BYTES = 4 * CHUNK_BYTES
SMALLER = 4
"""The first clip is so many times smaller than the large ones: memory must not follow the size."""
SENT_LIMIT_S = 300.0
Say = Callable[[str], None]


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

    threads = [threading.Thread(target=guarded, args=(deed,), daemon=True) for deed in deeds]
    for thread in threads:
        thread.start()
    end_s = time.monotonic() + SENT_LIMIT_S
    for thread in threads:
        thread.join(max(0.0, end_s - time.monotonic()))
        assert not thread.is_alive(), f"an upload did not end within {SENT_LIMIT_S:.0f} s"
    if faults:
        raise faults[0]


def measure(folder: Path, large_bytes: int, many: int, figures: dict[str, Figure], say: Say) -> None:
    """All figures of the upload."""
    with database(folder) as address:
        api = Api(folder, address)
        api.start()
        try:
            _memory(api, large_bytes, figures, say)
            _against_sink(api, large_bytes, figures, say)
            _many(api, many, figures, say)
            _through_cuts(api, max(large_bytes // SMALLER, 2 * CUTS * CHUNK_BYTES), figures, say)
        finally:
            api.stop()


def _one(api: Api, bed: str, size_bytes: int) -> tuple[float, float]:
    """Sends one new clip; returns wall seconds and CPU seconds of the api."""
    thing = make_file(api.folder / "large", size_bytes)
    api.expect({bed: thing})
    before = api.cpu_s
    took_s = seconds(lambda: send(api.client(bed), thing))
    shutil.rmtree(api.folder / "objects")
    return took_s, api.cpu_s - before


def _memory(api: Api, large_bytes: int, figures: dict[str, Figure], say: Say) -> None:
    resting = api.peak_rss_bytes
    _one(api, "bed-small", large_bytes // SMALLER)
    small, api.peak_rss_bytes = api.peak_rss_bytes, 0
    _one(api, "bed-large", large_bytes)
    large = api.peak_rss_bytes
    growth = large - small
    say(
        f"api: {resting // MIB} MiB at rest, {small // MIB} with {large_bytes // SMALLER // MIB} MiB, {large // MIB} with {large_bytes // MIB}"
    )
    figures["upload_server_rss_resting_mb"] = Figure(round(resting / MIB), "MiB")
    figures["upload_server_rss_one_large_mb"] = Figure(round(large / MIB), "MiB", "<= 300", large <= 300 * MIB)
    what = f"MiB more than with a clip of a {SMALLER}th"
    figures["upload_server_rss_growth_mb"] = Figure(round(growth / MIB), what, "<= 16", growth <= 16 * MIB)


def _against_sink(api: Api, large_bytes: int, figures: dict[str, Figure], say: Say) -> None:
    rounds = []
    for number in range(ROUNDS):
        thing = make_file(api.folder / "large", large_bytes)
        sink = BareSink(api.folder / "sink", api.authority)
        sink.start()
        bare = api.client(f"bed-{number}", sink.port)
        sink_s = seconds(lambda client=bare, what=thing: send(client, what))  # type: ignore[misc]
        sink.stop()
        shutil.rmtree(api.folder / "sink")
        ours_s, cpu_s = _one(api, f"bed-{number}", large_bytes)
        say(
            f"upload: {large_bytes / ours_s / 1e6:.0f} MB/s, bare sink {large_bytes / sink_s / 1e6:.0f} MB/s; api {cpu_s / ours_s:.2f} of a core"
        )
        rounds.append(
            (sink_s / ours_s, large_bytes / ours_s / 1e6, large_bytes / sink_s / 1e6, cpu_s / large_bytes * 1e9)
        )
    ratio, ours, sinks, cpu = (median(each[place] for each in rounds) for place in range(4))
    figures["upload_vs_bare_sink"] = Figure(round(ratio, 2), f"ratio, median of {ROUNDS}", ">= 0.45", ratio >= 0.45)
    figures["upload_mb_per_s"] = Figure(round(ours), "MB/s")
    figures["bare_sink_mb_per_s"] = Figure(round(sinks), "MB/s")
    figures["upload_server_cpu_s_per_gb"] = Figure(round(cpu, 2), "s")


def _many(api: Api, many: int, figures: dict[str, Figure], say: Say) -> None:
    things = {f"bed-m{number}": make_file(api.folder / f"many-{number}", MANY_BYTES) for number in range(many)}
    api.expect(things)
    took_s = seconds(lambda: all_at_once([_sending(api, name, what) for name, what in things.items()]))
    rate, peak = many * MANY_BYTES / took_s / 1e6, api.peak_rss_bytes
    say(f"{many} uploads of {MANY_BYTES // MIB} MiB at once: {rate:.0f} MB/s, api at most {peak // MIB} MiB")
    figures["upload_many_mb_per_s"] = Figure(round(rate), f"MB/s, {many} at once")
    figures["upload_server_rss_mb"] = Figure(round(peak / MIB), "MiB", "<= 300", peak <= 300 * MIB)


def _sending(api: Api, bed: str, thing: BigThing) -> Callable[[], None]:
    return lambda: send(api.client(bed), thing)


def _through_cuts(api: Api, size_bytes: int, figures: dict[str, Figure], say: Say) -> None:
    """Sends a clip through a line that breaks in the middle of chunks; as the uploader does, a broken chunk goes again."""
    thing = make_file(api.folder / "large", size_bytes)
    api.expect({"bed-cut": thing})
    with closing(Gate(api.port)) as gate, closing(api.client("bed-cut", gate.port)) as client:
        cuts = _send_through(gate, client, thing)
    bound = 1.01 + cuts * CHUNK_BYTES / size_bytes
    ratio = client.sent_bytes / size_bytes
    say(f"{cuts} cuts: {ratio:.4f} of the clip's bytes were sent, the bound is {bound:.4f}")
    holds = cuts == CUTS and ratio <= bound
    figures["upload_overhead_ratio"] = Figure(round(ratio, 4), f"sent / size, {cuts} cuts", f"<= {bound:.4f}", holds)


def _send_through(gate: Gate, client: CloudClient, thing: BigThing) -> int:
    cuts, chunks = 0, chunk_count(thing.size_bytes)
    at = {chunks * (each + 1) // (CUTS + 1) for each in range(CUTS)}
    with thing.path.open("rb") as file:
        for number in range(chunks):
            body = file.read(CHUNK_BYTES)
            if number in at:
                gate.cut_after_bytes = len(body) * 3 // 4
                try:
                    client.put_chunk(thing.sha256, thing.size_bytes, number, body)
                    continue
                except Transient:
                    cuts += 1
            client.put_chunk(thing.sha256, thing.size_bytes, number, body)
    client.complete(thing.sha256, thing.size_bytes)
    return cuts
