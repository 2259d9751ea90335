"""A hospital's folder as a bed leaves it: segments with previews that are bright in a seizure, a gap with its cause, a broken file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from shared.clock import NS_PER_S
from shared.frame import Stream
from shared.gap import Gap, GapCause
from shared.preview import PREVIEW_HEIGHT, PREVIEW_PERIOD_NS, PREVIEW_WIDTH, Preview
from shared.segment import SegmentWriter
from tests.edge_agent.hand_clock import BOOT, UTC_NS
from tests.edge_agent.ring_files import header_of

SEGMENT_S = 20
START_S = 1000
QUIET, SEIZURE = 30, 220


def preview_at(at_s: float, brightness: int) -> Preview:
    """A picture of that brightness with a depth edge and something that moves."""
    mono_ns = round((START_S + at_s) * NS_PER_S)
    ir = np.full((PREVIEW_HEIGHT, PREVIEW_WIDTH), brightness, np.uint8)
    ir[:4] = (mono_ns // PREVIEW_PERIOD_NS) % 251
    depth = np.full((PREVIEW_HEIGHT, PREVIEW_WIDTH), 100, np.uint8)
    depth[50:] = 90
    return Preview(0, mono_ns, UTC_NS + mono_ns, ir, depth)


def write_night(
    folder: Path, length_s: int, bright: Sequence[tuple[float, float]], *,
    gap_s: tuple[float, float] | None = None, boot_id: str = BOOT,
    shown: Callable[[Preview], Preview] = lambda preview: preview,
) -> list[Path]:  # fmt: skip
    """Segments of 20 s; `bright` spans look like seizures to the brightness network; in `gap_s` the bed was paused."""
    folder.mkdir(parents=True, exist_ok=True)
    paths: list[Path] = []
    told = False
    for sequence, start_s in enumerate(range(0, length_s, SEGMENT_S)):
        times_s = [start_s + index / 15 for index in range(15 * min(SEGMENT_S, length_s - start_s))]
        times_s = [at_s for at_s in times_s if not (gap_s and gap_s[0] <= at_s < gap_s[1])]
        if not times_s:
            continue
        writer = SegmentWriter(folder / f"{sequence}.open", header_of(sequence, boot_id))
        if gap_s and times_s[-1] >= gap_s[1] and not told:
            told = True
            begin_ns, end_ns = (round((START_S + at_s) * NS_PER_S) for at_s in gap_s)
            writer.add_gap(
                Gap(
                    stream=Stream.depth, cause=GapCause.privacy_pause, boot_id=boot_id, start_mono_ns=begin_ns,
                    end_mono_ns=end_ns, start_utc_ns=UTC_NS + begin_ns, end_utc_ns=UTC_NS + end_ns, missing_frames=1,
                )
            )  # fmt: skip
        for at_s in times_s:
            tone = SEIZURE if any(start <= at_s < end for start, end in bright) else QUIET
            writer.add_preview(shown(preview_at(at_s, tone)))
        paths.append(writer.seal(folder).path)
    return paths


def write_tsv(path: Path, *rows: Sequence[object], columns: Sequence[str] = ()) -> Path:
    """An annotation file; onset counts from the first frame of `write_night` where no other columns are given."""
    names = columns or ("onset", "duration", "eventType")
    path.write_text("\n".join("\t".join(str(cell) for cell in row) for row in (names, *rows)) + "\n")
    return path
