"""What an open file that a crash left says of its frames: the fit of their clocks, and losses that nobody came to tell.

The frames' own indices say how many are missing among those that were written. What no gap explains was about to be told as a
scattered gap when the recorder ended.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from pathlib import Path

from edge_agent.ring.catalogue import gaps_between
from shared.clock import NS_PER_S
from shared.clock_fit import ClockFit
from shared.clock_model import ClockModel
from shared.frame import RECORDED_STREAMS, Stream
from shared.gap import Gap, GapCause
from shared.lane import Lane
from shared.segment import SegmentReader
from shared.segment_records import StreamImage

COUNTED = (Stream.depth, Stream.ir)
"""Streams that have an image in each frame; colour has its own rate, so that its indices tell no loss."""


@dataclass(slots=True)
class _Jumps:
    """The holes in one stream's indices: how many frames, between which images."""

    last: StreamImage | None = None
    frames: int = 0
    before: StreamImage | None = None
    after: StreamImage | None = None

    def note(self, image: StreamImage) -> None:
        if self.last is not None and image.index > self.last.index + 1:
            self.frames += image.index - self.last.index - 1
            self.before = self.before or self.last
            self.after = image
        self.last = image


@dataclass(frozen=True, slots=True)
class LookBack:
    """The clocks of the file's frames, and the gaps that are still to be told."""

    clock: ClockModel | None
    untold: list[Gap] = field(default_factory=list)


def look_back(path: Path, connection: sqlite3.Connection) -> LookBack:
    """Reads every image's times and index, decodes none. Raises Refused at damage that scanning did not see, OSError."""
    fit, jumps, newest_ns = ClockFit(), {stream: _Jumps() for stream in COUNTED}, -1
    with SegmentReader(path) as reader:
        for image in reader.frames(COUNTED if reader.header.lane is not Lane.colour else RECORDED_STREAMS):
            if image.stream in jumps:
                jumps[image.stream].note(image)
            if image.mono_ns > newest_ns:
                newest_ns = image.mono_ns
                fit.add(image.device_ns, image.mono_ns, image.utc_ns)
        boot_id, told = reader.header.boot_id, reader.gaps()
        period_ns = round(NS_PER_S / reader.header.camera.frames_per_s)
    untold = []
    for stream, found in jumps.items():
        if found.before is None or found.after is None:
            continue
        known = told + gaps_between(connection, boot_id, found.before.mono_ns, found.after.mono_ns)
        missing = found.frames - _frames_of(known, stream, found.before.mono_ns, found.after.mono_ns)
        if missing > 0:
            untold.append(_gap(stream, boot_id, found.before, found.after, (missing, period_ns)))
    return LookBack(fit.model(), untold)


def _frames_of(gaps: list[Gap], stream: Stream, start_ns: int, end_ns: int) -> int:
    """Frames of the gaps that lie among the images; one that is in the file and in the catalogue counts once."""
    inside = {
        (gap.cause, gap.start_mono_ns): gap.missing_frames
        for gap in gaps
        if gap.stream is stream and gap.start_mono_ns >= start_ns and gap.end_mono_ns <= end_ns
    }
    return sum(inside.values())


def _gap(stream: Stream, boot_id: str, before: StreamImage, after: StreamImage, lost: tuple[int, int]) -> Gap:
    missing, period_ns = lost
    length_ns = max(1, after.mono_ns - before.mono_ns - period_ns)
    return Gap(
        stream=stream, cause=GapCause.restart, boot_id=boot_id, start_mono_ns=after.mono_ns - length_ns,
        end_mono_ns=after.mono_ns, start_utc_ns=max(0, after.utc_ns - length_ns), end_utc_ns=after.utc_ns,
        missing_frames=missing, share=min(1.0, missing * period_ns / length_ns),
    )  # fmt: skip
