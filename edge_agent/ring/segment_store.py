"""The open segment on disk: appended, flushed, sealed into the ring, or condemned when the disk fails it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

from edge_agent.ring.catalogue import SegmentRow
from edge_agent.ring.folder import OPEN, SEGMENTS, sync_folder
from edge_agent.ring.quarantine import put_aside
from shared.clock import NS_PER_S
from shared.clock_model import ClockModel
from shared.frame import RECORDED_STREAMS, Frame, Stream
from shared.gap import Gap
from shared.preview import Preview
from shared.segment import Contents, Sealed, SegmentWriter
from shared.segment_records import SegmentHeader

FLUSH_PERIOD_NS = NS_PER_S * 9 // 10
"""The promise is a flush each second at least; the loop turns every fraction of one."""


@dataclass(frozen=True, slots=True)
class Condemned:
    """What a quarantined file held: frames by stream, and its span as (mono_ns, utc_ns)."""

    frames: dict[Stream, int]
    start: tuple[int, int]
    end: tuple[int, int]


class SegmentStore:
    """At most one open segment. An OSError of any method means: call `condemn` and begin anew."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writer: SegmentWriter | None = None
        self._raw_bytes = 0
        self._dirty_since_ns: int | None = None
        self._period_ns = 0
        self._named = False
        """The open file's own name is on the disk: without it a power cut takes the flushed bytes along."""
        self._unmoved: list[Path] = []
        self.written: list[Stream] = []
        """Streams of the frame that was added last; fewer than it has when the disk failed midway."""

    @property
    def start_mono_ns(self) -> int | None:
        """Time of the first record, None while the segment is empty or none is open."""
        first = self._writer.contents.first if self._writer else None
        return first[0] if first else None

    @property
    def is_open(self) -> bool:
        return self._writer is not None

    def begin(self, header: SegmentHeader) -> None:
        """Raises OSError."""
        self.written = []
        self._move_condemned()
        path = self._folder / OPEN / f"{header.segment_id}.part"
        self._writer = SegmentWriter(path, header)
        self._named = False
        self._raw_bytes, self._dirty_since_ns = 0, None
        self._period_ns = round(NS_PER_S / header.camera.frames_per_s)

    def add(self, frame: Frame, preview: Preview | None) -> None:
        """Raises OSError."""
        self.written = []
        writer = self._opened()
        self._dirty_since_ns = frame.mono_ns if self._dirty_since_ns is None else self._dirty_since_ns
        for stream, image in ((Stream.depth, frame.depth), (Stream.ir, frame.ir), (Stream.colour, frame.colour)):
            if image is not None:
                writer.add_image(stream, image, frame)
                self.written.append(stream)
                self._raw_bytes += len(image) if isinstance(image, bytes) else image.nbytes
        writer.add_imu(frame.imu)
        if preview is not None:
            writer.add_preview(preview)

    def add_gap(self, gap: Gap) -> None:
        """Raises OSError."""
        self._opened().add_gap(gap)

    def flush_if_due(self, now_mono_ns: int) -> bool:
        """Flushes when the oldest unflushed record is nearly a second old. Raises OSError; the file is condemned then."""
        if self._writer is None or self._dirty_since_ns is None:
            return False
        if now_mono_ns - self._dirty_since_ns < FLUSH_PERIOD_NS:
            return False
        self._writer.flush()
        if not self._named:
            sync_folder(self._folder / OPEN)
            self._named = True
        self._dirty_since_ns = None
        return True

    def seal(self, clock: ClockModel | None = None) -> tuple[SegmentRow, float] | None:
        """The row to catalogue and the ratio of raw to stored bytes; None when the file held nothing. Raises OSError.

        `clock` is the fit of its frames' times, for the index.
        """
        writer = self._writer
        if writer is None:
            return None
        if writer.contents.first is None:
            self._drop(writer)
            return None
        sealed = writer.seal(self._folder / SEGMENTS, clock)
        self._writer = None
        return row_of(writer.header, writer.contents, sealed, self._period_ns), self._raw_bytes / sealed.size_bytes

    def condemn(self) -> Condemned | None:
        """Puts the open file into quarantine and says what is lost with it. Never raises: the disk is failing already."""
        writer, self._writer = self._writer, None
        if writer is None:
            return None
        with contextlib.suppress(OSError):
            writer.close()
        self._unmoved.append(writer.path)
        self._move_condemned()
        contents = writer.contents
        if contents.first is None or contents.last is None:
            return None
        frames = {stream: count for stream, count in contents.counts().items() if stream in RECORDED_STREAMS}
        return Condemned(
            frames, contents.first, (contents.last[0] + self._period_ns, contents.last[1] + self._period_ns)
        )

    def _move_condemned(self) -> None:
        """A condemned file must not be taken for an open one: while the disk does not let it go, it is tried again."""
        for path in list(self._unmoved):
            with contextlib.suppress(OSError):
                if path.exists():
                    put_aside(self._folder, path)
                self._unmoved.remove(path)

    def _drop(self, writer: SegmentWriter) -> None:
        self._writer = None
        writer.close()
        writer.path.unlink()

    def _opened(self) -> SegmentWriter:
        if self._writer is None:
            raise OSError("no segment is open")
        return self._writer


def row_of(header: SegmentHeader, contents: Contents, sealed: Sealed, period_ns: int) -> SegmentRow:
    """The catalogue row; the span ends one frame period after the last frame."""
    first, last = contents.first or (0, 0), contents.last or (0, 0)
    return SegmentRow(
        sha256=sealed.sha256, segment_id=header.segment_id, sequence=header.sequence, boot_id=header.boot_id,
        stay_id=header.stay_id, start_mono_ns=first[0], end_mono_ns=last[0] + period_ns, start_utc_ns=first[1],
        end_utc_ns=last[1] + period_ns, size_bytes=sealed.size_bytes, frames=contents.counts(), file=sealed.path.name,
    )  # fmt: skip
