"""The open segment on disk: appended, flushed, sealed into the ring, or condemned when the disk fails it.

It is one file, or one for colour and one for the rest where colour is kept for a shorter time.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_agent.ring.catalogue import SegmentRow
from edge_agent.ring.folder import OPEN, SEGMENTS, sync_folder
from edge_agent.ring.quarantine import put_aside
from shared.clock import NS_PER_S
from shared.clock_model import ClockModel
from shared.frame import RECORDED_STREAMS, Frame, Stream
from shared.gap import Gap
from shared.lane import Lane
from shared.preview import Preview
from shared.segment import Sealed, SegmentWriter
from shared.segment_records import SegmentHeader

FLUSH_PERIOD_NS = NS_PER_S * 9 // 10
"""The promise is a flush each second at least; the loop turns every fraction of one."""


Instant = tuple[int, int]
"""mono_ns and utc_ns."""
Span = tuple[Instant, Instant]


@dataclass(frozen=True, slots=True)
class Condemned:
    """What a quarantined file held: frames by stream, and its span."""

    frames: dict[Stream, int]
    start: Instant
    end: Instant


class SegmentStore:
    """At most one open file a lane, begun, flushed and sealed together. An OSError of any method means: `condemn` and begin anew."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writers: list[SegmentWriter] = []
        """In the order of sealing: that of the headers."""
        self._of: dict[Stream, SegmentWriter] = {}
        self._raw_bytes: dict[Lane, int] = {}
        self._dirty_since_ns: int | None = None
        self._period_ns = 0
        self._span: Span | None = None
        self._named = False
        """The open file's own name is on the disk: without it a power cut takes the flushed bytes along."""
        self._unmoved: list[Path] = []
        self.written: list[Stream] = []
        """Streams of the frame that was added last; fewer than it has when the disk failed midway."""

    @property
    def start_mono_ns(self) -> int | None:
        """Time of the first record, None while the segment is empty or none is open."""
        firsts = [writer.contents.first[0] for writer in self._writers if writer.contents.first]
        return min(firsts, default=None)

    @property
    def is_open(self) -> bool:
        return bool(self._writers)

    def begin(self, headers: Sequence[SegmentHeader]) -> None:
        """One file for each header, whose lanes hold each stream once. Raises OSError."""
        self.written = []
        self._move_condemned()
        self._named = False
        self._raw_bytes, self._dirty_since_ns, self._span = dict.fromkeys(Lane, 0), None, None
        self._period_ns = round(NS_PER_S / headers[0].camera.frames_per_s)
        for header in headers:
            writer = SegmentWriter(self._folder / OPEN / f"{header.segment_id}.part", header)
            self._writers.append(writer)
            self._of |= {stream: writer for stream in Stream if header.lane.holds(stream)}

    def add(self, frame: Frame, preview: Preview | None) -> None:
        """Raises OSError."""
        self.written = []
        rest = self._opened(Stream.preview)
        self._dirty_since_ns = frame.mono_ns if self._dirty_since_ns is None else self._dirty_since_ns
        for stream, image in ((Stream.depth, frame.depth), (Stream.ir, frame.ir), (Stream.colour, frame.colour)):
            if image is not None:
                writer = self._opened(stream)
                writer.add_image(stream, image, frame)
                self.written.append(stream)
                self._raw_bytes[writer.header.lane] += len(image) if isinstance(image, bytes) else image.nbytes
        rest.add_imu(frame.imu)
        if preview is not None:
            rest.add_preview(preview)

    def add_gap(self, gap: Gap) -> None:
        """Raises OSError."""
        self._opened(gap.stream).add_gap(gap)

    def flush_if_due(self, now_mono_ns: int) -> bool:
        """Flushes when the oldest unflushed record is nearly a second old. Raises OSError; the file is condemned then."""
        if not self._writers or self._dirty_since_ns is None:
            return False
        if now_mono_ns - self._dirty_since_ns < FLUSH_PERIOD_NS:
            return False
        for writer in self._writers:
            writer.flush()
        if not self._named:
            sync_folder(self._folder / OPEN)
            self._named = True
        self._dirty_since_ns = None
        return True

    def seal(self, clock: ClockModel | None = None) -> tuple[SegmentRow, float] | None:
        """Seals one file; call it while any is open. Its row and the ratio of raw to stored bytes; None when it held nothing.

        `clock` is the fit of the frames' times, for the index. The files of one segment have the same span in the catalogue. Raises OSError.
        """
        if not self._writers:
            return None
        writer = self._writers[0]
        self._span = self._span or self._whole_span()
        if writer.contents.first is None or self._span is None:
            self._drop(writer)
            return None
        sealed = writer.seal(self._folder / SEGMENTS, clock)
        self._let_go(writer)
        row = row_of(writer.header, writer.contents.counts(), self._span, sealed)
        return row, self._raw_bytes[writer.header.lane] / sealed.size_bytes

    def _whole_span(self) -> Span | None:
        """From the first record of any file to a frame's period after the last; None when all are empty."""
        firsts = [writer.contents.first for writer in self._writers if writer.contents.first]
        lasts = [writer.contents.last for writer in self._writers if writer.contents.last]
        return span_of(min(firsts), max(lasts), self._period_ns) if firsts else None

    def condemn(self) -> list[Condemned]:
        """Puts the open files into quarantine and says what is lost with them. Never raises: the disk is failing already."""
        writers = list(self._writers)
        for writer in writers:
            self._let_go(writer)
            with contextlib.suppress(OSError):
                writer.close()
            self._unmoved.append(writer.path)
        self._move_condemned()
        lost = []
        for contents in (writer.contents for writer in writers):
            if contents.first is not None and contents.last is not None:
                frames = {stream: count for stream, count in contents.counts().items() if stream in RECORDED_STREAMS}
                lost.append(Condemned(frames, *span_of(contents.first, contents.last, self._period_ns)))
        return lost

    def _move_condemned(self) -> None:
        """A condemned file must not be taken for an open one: while the disk does not let it go, it is tried again."""
        for path in list(self._unmoved):
            with contextlib.suppress(OSError):
                if path.exists():
                    put_aside(self._folder, path)
                self._unmoved.remove(path)

    def _drop(self, writer: SegmentWriter) -> None:
        self._let_go(writer)
        writer.close()
        writer.path.unlink()

    def _let_go(self, writer: SegmentWriter) -> None:
        self._writers.remove(writer)
        self._of = {stream: each for stream, each in self._of.items() if each is not writer}

    def _opened(self, stream: Stream) -> SegmentWriter:
        if stream not in self._of:
            raise OSError("no segment is open")
        return self._of[stream]


def span_of(first: Instant, last: Instant, period_ns: int) -> Span:
    """From the first record to a period after the last."""
    return first, (last[0] + period_ns, last[1] + period_ns)


def row_of(header: SegmentHeader, counts: dict[Stream, int], span: Span, sealed: Sealed) -> SegmentRow:
    """The catalogue row of a sealed file."""
    (start_mono_ns, start_utc_ns), (end_mono_ns, end_utc_ns) = span
    return SegmentRow(
        sha256=sealed.sha256, segment_id=header.segment_id, sequence=header.sequence, boot_id=header.boot_id,
        stay_id=header.stay_id, start_mono_ns=start_mono_ns, end_mono_ns=end_mono_ns, start_utc_ns=start_utc_ns,
        end_utc_ns=end_utc_ns, size_bytes=sealed.size_bytes, frames=counts, file=sealed.path.name, lane=header.lane,
    )  # fmt: skip
