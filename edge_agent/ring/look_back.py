"""What an open file that a crash left says of its frames: the fit of their clocks, and losses that nobody came to tell.

The frames' own indices say how many are missing among those that were written; of colour, which has its own rate, the times
say it, by the ledger's rule. What no gap explains was about to be told as a scattered gap when the recorder ended.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from pathlib import Path

from edge_agent.ring.catalogue import gaps_between
from edge_agent.ring.ledger import LATE_PERIODS
from shared.clock import NS_PER_S
from shared.clock_fit import ClockFit
from shared.clock_model import ClockModel
from shared.frame import RECORDED_STREAMS, Stream
from shared.gap import Gap, GapCause
from shared.segment import SegmentReader
from shared.segment_records import SegmentHeader, StreamImage


@dataclass(slots=True)
class _Jumps:
    """The holes in one stream: how many frames, between which images. `late_ns`: above it a picture came late; 0: indices tell."""

    period_ns: int
    late_ns: int = 0
    last: StreamImage | None = None
    frames: int = 0
    before: StreamImage | None = None
    after: StreamImage | None = None

    def note(self, image: StreamImage) -> None:
        missing = 0 if self.last is None else self._missing(self.last, image)
        if missing > 0:
            self.frames += missing
            self.before = self.before or self.last
            self.after = image
        self.last = image

    def _missing(self, earlier: StreamImage, later: StreamImage) -> int:
        if not self.late_ns:
            return later.index - earlier.index - 1
        passed_ns = later.mono_ns - earlier.mono_ns
        return round(passed_ns / self.period_ns) - 1 if passed_ns > self.late_ns else 0


def _watched(header: SegmentHeader) -> dict[Stream, _Jumps]:
    """The streams of the file's lane that the camera gives."""
    camera = header.camera
    period_ns = round(NS_PER_S / camera.frames_per_s)
    watched = {stream: _Jumps(period_ns) for stream in (Stream.depth, Stream.ir)}
    if camera.colour_per_s > 0:
        colour_ns = round(NS_PER_S / camera.colour_per_s)
        watched[Stream.colour] = _Jumps(colour_ns, round(LATE_PERIODS * colour_ns))
    return {stream: jumps for stream, jumps in watched.items() if header.lane.holds(stream)}


@dataclass(frozen=True, slots=True)
class LookBack:
    """The clocks of the file's frames, and the gaps that are still to be told."""

    clock: ClockModel | None
    untold: list[Gap] = field(default_factory=list)


def look_back(path: Path, connection: sqlite3.Connection) -> LookBack:
    """Reads every image's times and index, decodes none. Raises Refused at damage that scanning did not see, OSError."""
    fit, newest_ns = ClockFit(), -1
    with SegmentReader(path) as reader:
        jumps = _watched(reader.header)
        for image in reader.frames(RECORDED_STREAMS):
            if image.stream in jumps:
                jumps[image.stream].note(image)
            if image.mono_ns > newest_ns:
                newest_ns = image.mono_ns
                fit.add(image.device_ns, image.mono_ns, image.utc_ns)
        boot_id, told = reader.header.boot_id, reader.gaps()
    untold = []
    for stream, found in jumps.items():
        if found.before is None or found.after is None:
            continue
        known = told + gaps_between(connection, boot_id, found.before.mono_ns, found.after.mono_ns)
        missing = found.frames - _frames_of(known, stream, found.before.mono_ns, found.after.mono_ns)
        if missing > 0:
            untold.append(_gap(stream, boot_id, found.before, found.after, (missing, found.period_ns)))
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
