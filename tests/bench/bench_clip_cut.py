"""Cutting three minutes out of a day: how soon the first picture is out, whatever the ring's length, and what memory it takes.

The ring is sparse: all its rows are in the catalogue, the files of 20 segments are there. `make bench-recording` prints the
figures; alone: python -m tests.bench.bench_clip_cut.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import BinaryIO, cast

import psutil

from edge_agent.database import database_path, open_database, transaction
from edge_agent.export import span_excerpt
from edge_agent.ring.catalogue import SegmentRow, insert_segment
from edge_agent.ring.folder import prepare_folder
from shared.clock import NS_PER_S
from shared.export.excerpt import export
from shared.export.formats import ExportFormat, write_export
from shared.export.mkv import MkvWriter
from shared.frame import CameraInfo, Frame
from shared.ids import uuid7
from shared.preview import PreviewMaker
from shared.results import Figure, print_results, write_results
from shared.segment import SegmentWriter
from shared.segment_records import SegmentHeader
from tests.bench.rendered import COLOUR_SIZE, FRAMES_PER_S, KINECT_V2, Rendered, render

DAY_ROWS = 8_640
RINGS = (360, DAY_ROWS, 60_480)
"""An hour, a day and a week of segments of ten seconds."""
REAL_SEGMENTS = 20
SEGMENT_S = 10
CLIP_S = 180
ROUNDS = 15
BOOT = "6a51e5a6-9c2b-4f0e-8d3a-0b8b1c2d3e4f"
START_NS = 30 * 86_400 * NS_PER_S
UTC_NS = 1_767_225_600 * NS_PER_S
PERIOD_NS = NS_PER_S // FRAMES_PER_S
Span = tuple[int, int]


class _FirstPictureOut(Exception):
    pass


class _FirstPictureSink:
    """Takes the head of a file; ends the export at the first cluster."""

    def __init__(self) -> None:
        self._size = 0

    def write(self, data: bytes) -> int:
        self._size += len(data)
        return len(data)

    def writelines(self, _parts: Iterable[bytes]) -> None:
        raise _FirstPictureOut

    def tell(self) -> int:
        return self._size


def first_byte_ms(folder: Path, span: Span) -> float:
    """From the question, a span of UTC in ns, to the first bytes of a picture, in ms; database and files opened anew."""
    started = time.perf_counter()
    with span_excerpt(folder, *span) as excerpt, suppress(_FirstPictureOut):
        sink = cast("BinaryIO", _FirstPictureSink())
        export(excerpt, MkvWriter(sink, excerpt.gaps, excerpt.start_utc_ns), lambda *_: None)
    return 1e3 * (time.perf_counter() - started)


def make_segments(folder: Path, frames: Rendered) -> list[SegmentRow]:
    """Real sealed segments of ten seconds, one after another; all show the same ten seconds."""
    camera = CameraInfo(
        source="simulator", make="simulated Kinect v2", depth_width=frames.kind.width, depth_height=frames.kind.height,
        colour_width=COLOUR_SIZE[0], colour_height=COLOUR_SIZE[1], frames_per_s=FRAMES_PER_S, colour_per_s=10,
    )  # fmt: skip
    return [_make_segment(folder, frames, camera, number) for number in range(REAL_SEGMENTS)]


def _make_segment(folder: Path, frames: Rendered, camera: CameraInfo, number: int) -> SegmentRow:
    header = SegmentHeader(
        segment_id=uuid7(UTC_NS), site="bench", bed="bed-1", boot_id=BOOT, sequence=number, stay_id=None, camera=camera
    )
    writer, previews = SegmentWriter(folder / f"{number}.part", header), PreviewMaker()
    count = SEGMENT_S * FRAMES_PER_S
    first_ns = START_NS + number * SEGMENT_S * NS_PER_S
    for index in range(count):
        mono_ns = first_ns + index * NS_PER_S // FRAMES_PER_S
        frame = Frame(
            number * count + index, mono_ns, mono_ns, UTC_NS + mono_ns, frames.depth[index], frames.ir[index],
            frames.colours.get(index),
        )  # fmt: skip
        writer.add_frame(frame)
        preview = previews.add(frame)
        if preview is not None:
            writer.add_preview(preview)
    counts, sealed = writer.contents.counts(), writer.seal(folder)
    return _row(number, sealed.sha256, sealed.size_bytes, first_ns).model_copy(update={"frames": counts})


def _row(sequence: int, sha256: str, size_bytes: int, start_ns: int) -> SegmentRow:
    end_ns = start_ns + SEGMENT_S * NS_PER_S
    return SegmentRow(
        sha256=sha256, segment_id=uuid7(UTC_NS), sequence=sequence, boot_id=BOOT, stay_id=None, start_mono_ns=start_ns,
        end_mono_ns=end_ns, start_utc_ns=UTC_NS + start_ns, end_utc_ns=UTC_NS + end_ns, size_bytes=size_bytes,
        frames={}, file=f"{sha256}.seg",
    )  # fmt: skip


def make_ring(folder: Path, rows: int, real: list[SegmentRow], segments: Path) -> Path:
    """A bed's folder with so many catalogue rows; the real segments are those after two thirds."""
    prepare_folder(folder, "bench", "bed-1")
    connection = open_database(folder)
    before = rows * 2 // 3
    with transaction(connection):
        for sequence in range(rows):
            number = sequence - before
            if 0 <= number < len(real):
                row = real[number].model_copy(update={"sequence": sequence})
                row.path(folder).hardlink_to(segments / row.file)
            else:
                start_ns = START_NS + number * SEGMENT_S * NS_PER_S
                row = _row(sequence, f"{sequence:064x}", real[0].size_bytes, start_ns)
                row = row.model_copy(update={"frames": real[0].frames})
            insert_segment(connection, row)
    connection.close()
    return folder


def _forget(paths: Iterable[Path]) -> None:
    """Asks the kernel to drop the files from its cache, so that each round reads from the disk."""
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def _rounds(folder: Path) -> Iterator[tuple[float, float]]:
    """Wall and CPU ms. Each round begins at another frame of the first segment: near and far from a key image."""
    for number in range(ROUNDS):
        start_ns = UTC_NS + START_NS + (37 * number % (SEGMENT_S * FRAMES_PER_S)) * PERIOD_NS
        _forget([*(folder / "segments").iterdir(), database_path(folder)])
        cpu = time.process_time()
        wall_ms = first_byte_ms(folder, (start_ns, start_ns + CLIP_S * NS_PER_S))
        yield wall_ms, 1e3 * (time.process_time() - cpu)


def _peak_mb() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


def _whole_clip(folder: Path, out: Path) -> tuple[float, float, float]:
    """Growth of the largest resident size in MB, wall and CPU seconds of the whole clip as MKV."""
    Path("/proc/self/clear_refs").write_text("5")
    before_mb, wall, cpu = psutil.Process().memory_info().rss / 2**20, time.perf_counter(), time.process_time()
    start_ns = UTC_NS + START_NS + 3 * NS_PER_S
    with span_excerpt(folder, start_ns, start_ns + CLIP_S * NS_PER_S) as excerpt:
        write_export(excerpt, ExportFormat.mkv, out, lambda *_: None)
    return _peak_mb() - before_mb, time.perf_counter() - wall, time.process_time() - cpu


def clip_cut_figures(folder: Path) -> dict[str, Figure]:
    """Renders ten seconds of a Kinect v2 bed, builds rings of an hour, a day and a week, and cuts three minutes of each."""
    frames = render(folder, KINECT_V2, SEGMENT_S)
    segments = folder / "clip-cut"
    segments.mkdir()
    real = make_segments(segments, frames)
    rings = [make_ring(folder / f"ring-{rows}", rows, real, segments) for rows in RINGS]
    first_byte_ms(rings[0], (UTC_NS + START_NS, UTC_NS + START_NS + CLIP_S * NS_PER_S))
    measured = [list(_rounds(ring)) for ring in rings]
    hour, day, week = ([wall for wall, _ in rounds] for rounds in measured)
    day_cpu = median(cpu for _, cpu in measured[1])
    grown_mb, wall_s, cpu_s = _whole_clip(rings[1], folder / "clip.mkv")
    second_mb = 2 * 2 * KINECT_V2.width * KINECT_V2.height * FRAMES_PER_S / 2**20
    ratio = median(week) / median(hour)
    return {
        "clip_cut_first_byte_ms": Figure(round(median(day), 1), "ms, median, 24 h", "< 100", median(day) < 100),
        "clip_cut_first_byte_worst_ms": Figure(round(max(day), 1), f"ms, worst of {ROUNDS}", "< 100", max(day) < 100),
        "clip_cut_first_byte_cpu_ms": Figure(round(day_cpu, 1), "CPU ms, median"),
        "clip_cut_week_against_hour": Figure(round(ratio, 2), "x first byte", "< 1.5", ratio < 1.5),
        "clip_cut_memory_mb": Figure(round(grown_mb, 1), "MB grown", f"< {second_mb:.0f}", grown_mb < second_mb),
        "clip_cut_wall_s": Figure(round(wall_s, 1), f"s for {CLIP_S} s as MKV"),
        "clip_cut_cpu_s": Figure(round(cpu_s, 1), f"CPU s for {CLIP_S} s"),
    }


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="deepepil-bench-") as name:
        figures = clip_cut_figures(Path(name))
    print_results(figures)
    print(write_results("bench-clip-cut", "python -m tests.bench.bench_clip_cut", figures))
    return 0 if all(figure.holds is not False for figure in figures.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
