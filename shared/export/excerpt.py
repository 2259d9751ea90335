"""An excerpt: the parts of sealed segments that a span or a clip is made of, and what is known of them. Nothing is copied.

A picture belongs to the excerpt when its mono_ns lies in the half-open part of its segment, so that two excerpts that touch
share no picture and lose none.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol
from uuid import UUID

from shared.clock import NS_PER_S
from shared.clock_model import ClockModel
from shared.contract import Contract, Count, Nanoseconds, Share, Text
from shared.errors import Refused
from shared.frame import RECORDED_STREAMS, CameraInfo, Stream, Uint16Image
from shared.gap import Gap
from shared.ids import BedName, BootId, SiteName, Uuid7
from shared.imu import ImuSample
from shared.segment import SegmentReader
from shared.segment_records import SegmentHeader, StreamImage

RESEARCH_USE = (
    "For research use: no diagnosis, no alarm. Pseudonymous data of a patient: keep it as your site's rules say."
)
"""Stands in every export, in the words of its format."""
FORMAT_VERSION = 1


DECODED_TOGETHER = ((Stream.depth,), (Stream.colour,), (Stream.ir,))
"""What one reader decodes, in the order of pictures of one moment: depth and infrared cost the same, colour nothing."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One sealed segment and the half-open part [start_mono_ns, end_mono_ns) of it that is wanted.

    colour brings the file that holds the colour of the same time, where it lies apart.
    """

    open: Callable[[], AbstractContextManager[Path]]
    """Brings the file to this machine and holds it as long as the context lasts."""
    start_mono_ns: int
    end_mono_ns: int
    frames: dict[Stream, int]
    """How many records of each stream the whole segment holds, as the catalogue or the manifest says."""
    colour: Callable[[], AbstractContextManager[Path]] | None = None


def paired(found: Iterable[tuple[tuple[str, int], Piece]]) -> list[Piece]:
    """Pieces in the given order, each known by boot and number; one of colour alone joins the one whose number is next."""
    pieces = list(found)
    colours = {key: piece for key, piece in pieces if piece.frames.keys() == {Stream.colour}}
    without = {key for key, piece in pieces if Stream.colour not in piece.frames}
    joined: list[Piece] = []
    for (boot_id, number), piece in pieces:
        colour = colours.get((boot_id, number - 1))
        if (boot_id, number) in without and colour is not None:
            joined.append(replace(piece, frames=piece.frames | colour.frames, colour=colour.open))
        elif (boot_id, number) not in colours or (boot_id, number + 1) not in without:
            joined.append(piece)
    return joined


@dataclass(frozen=True, slots=True)
class Excerpt:
    """What is to be exported: pieces in the order of the recording, the gaps that touch the span, the share recorded."""

    pieces: Sequence[Piece]
    start_utc_ns: int
    end_utc_ns: int
    gaps: Sequence[Gap]
    coverage: dict[Stream, float]
    event_id: UUID | None = None

    @property
    def streams(self) -> tuple[Stream, ...]:
        """The camera's streams of which any piece has pictures."""
        return tuple(stream for stream in RECORDED_STREAMS if any(piece.frames.get(stream) for piece in self.pieces))

    @property
    def length_ns(self) -> int:
        return self.end_utc_ns - self.start_utc_ns


class SourceSegment(Contract):
    """A segment that pictures were taken from, and how its clocks ran."""

    segment_id: Uuid7
    sequence: Count
    boot_id: BootId
    clock: ClockModel | None


class ExportSummary(Contract):
    """What an export holds, as it stands in the export itself. Gaps overlap the span and are not cut to it."""

    format_version: int
    notice: Text
    site: SiteName
    bed: BedName
    stay_ids: list[Uuid7]
    event_id: Uuid7 | None
    start_utc_ns: Nanoseconds
    end_utc_ns: Nanoseconds
    frames: dict[Stream, Count]
    imu_samples: Count
    coverage: dict[Stream, Share]
    gaps: list[Gap]
    segments: list[SourceSegment]
    camera: CameraInfo

    @property
    def sentence(self) -> str:
        """One line for a person: frames a stream, gaps, coverage."""
        frames = ", ".join(f"{count} {stream.value}" for stream, count in self.frames.items())
        missing = sum(gap.missing_frames for gap in self.gaps)
        gaps = f"{len(self.gaps)} gaps with {missing} frames missing" if self.gaps else "no gaps"
        coverage = ", ".join(f"{stream.value} {share:.1%}" for stream, share in self.coverage.items())
        return f"exported {frames}; {gaps}; coverage {coverage or 'not known'}"


class ExportWriter(Protocol):
    """One format. Any method may raise OSError; what was written is thrown away then."""

    def begin(self, header: SegmentHeader, streams: tuple[Stream, ...], *, has_imu: bool) -> None:
        """Before the first picture; the camera is the same for the whole excerpt."""
        ...

    def picture(self, picture: StreamImage, image: Uint16Image | bytes) -> None:
        """The next picture, in the order of the recording; `image` is what it decodes to."""
        ...

    def imu(self, sample: ImuSample) -> None:
        """The next inertial sample."""
        ...

    def finish(self, summary: ExportSummary) -> None:
        """All was given; the files must be whole when this returns."""
        ...


Progress = Callable[[int, int], None]
"""Called with the nanoseconds done and the nanoseconds of the whole excerpt, about once a second of the recording."""


def export(
    excerpt: Excerpt, writer: ExportWriter, progress: Progress, check: Callable[[CameraInfo], None] = lambda _: None
) -> ExportSummary:
    """Gives every picture of the excerpt to the writer, one at a time; holds four pictures in memory.

    `check` is asked once, before anything is written; it may raise Refused.

    Raises Refused when the excerpt has no picture, when the camera changed within it, and when a segment is damaged.
    """
    tally = _Tally(excerpt)
    done_ns = 0
    with ThreadPoolExecutor(len(DECODED_TOGETHER), "export") as pool:
        for number, piece in enumerate(excerpt.pieces):
            with ExitStack() as opened:
                readers = _opened(piece, opened, tally)
                if number == 0:
                    check(readers[0].header.camera)
                    has_imu = next(readers[0].imu(), None) is not None
                    writer.begin(readers[0].header, excerpt.streams, has_imu=has_imu)
                told_ns = first_ns = -1
                for item, image in _in_order(readers, piece, excerpt.streams, pool):
                    if isinstance(item, ImuSample):
                        writer.imu(item)
                        tally.imu_samples += 1
                        continue
                    writer.picture(item, image)
                    tally.count(item.stream)
                    if first_ns < 0:
                        told_ns = first_ns = item.mono_ns
                    elif item.mono_ns - told_ns >= NS_PER_S:
                        told_ns = item.mono_ns
                        progress(done_ns + told_ns - first_ns, excerpt.length_ns)
                done_ns += told_ns - first_ns
    if not tally.frames:
        raise Refused("No picture of the camera lies in this span.")
    summary = tally.summary()
    writer.finish(summary)
    return summary


def _opened(piece: Piece, opened: ExitStack, tally: _Tally) -> list[SegmentReader]:
    """A reader for each of `DECODED_TOGETHER`: of the piece's file, and for colour of its own file where it has one."""
    path = opened.enter_context(piece.open())
    files = [path] * len(DECODED_TOGETHER)
    if piece.colour is not None:
        files[DECODED_TOGETHER.index((Stream.colour,))] = opened.enter_context(piece.colour())
    readers = [opened.enter_context(SegmentReader(file)) for file in files]
    seen: set[UUID] = set()
    for reader in readers:
        if reader.header.segment_id not in seen:
            tally.enter(reader)
            seen.add(reader.header.segment_id)
    return readers


Decoded = tuple[StreamImage, Uint16Image | bytes]


def _in_order(
    readers: Sequence[SegmentReader], piece: Piece, streams: tuple[Stream, ...], pool: ThreadPoolExecutor
) -> Iterator[Decoded | tuple[ImuSample, bytes]]:
    """Pictures by time, each after the inertial samples that arrived with it or before."""
    waiting = deque(readers[0].imu(piece.start_mono_ns, piece.end_mono_ns))
    for picture, image in _pictures(readers, piece, streams, pool):
        while waiting and waiting[0].mono_ns <= picture.mono_ns:
            yield waiting.popleft(), b""
        yield picture, image
    while waiting:
        yield waiting.popleft(), b""


def _pictures(
    readers: Sequence[SegmentReader], piece: Piece, streams: tuple[Stream, ...], pool: ThreadPoolExecutor
) -> Iterator[Decoded]:
    """Depth and infrared are decoded beside each other, each by a reader of its own, one picture ahead of the writer."""
    tracks = [
        reader.frames([stream for stream in own if stream in streams], piece.start_mono_ns, piece.end_mono_ns)
        for reader, own in zip(readers, DECODED_TOGETHER, strict=True)
    ]
    ahead = [pool.submit(_next, track) for track in tracks]
    try:
        while True:
            found = [(one[0].mono_ns, number) for number, job in enumerate(ahead) if (one := job.result()) is not None]
            if not found:
                return
            _, number = min(found)
            decoded = ahead[number].result()
            assert decoded is not None
            ahead[number] = pool.submit(_next, tracks[number])
            yield decoded
    finally:
        wait(ahead)


def _next(track: Iterator[StreamImage]) -> Decoded | None:
    picture = next(track, None)
    return None if picture is None else (picture, picture.image())


class _Tally:
    """Counts what was exported, and sees that one camera made all of it."""

    def __init__(self, excerpt: Excerpt) -> None:
        self._excerpt = excerpt
        self.frames: dict[Stream, int] = {}
        self.imu_samples = 0
        self.segments: list[SourceSegment] = []
        self._first: SegmentHeader | None = None
        self._stays: list[UUID] = []

    def enter(self, reader: SegmentReader) -> None:
        """Raises Refused when the segment is of another camera, mode or bed than the first."""
        header = reader.header
        self._first = first = self._first or header
        if (header.site, header.bed, header.camera) != (first.site, first.bed, first.camera):
            raise Refused(
                f"The camera or its mode changed before segment {header.sequence}; export the parts before and after it "
                "one by one.", sequence=header.sequence,
            )  # fmt: skip
        if header.stay_id is not None and header.stay_id not in self._stays:
            self._stays.append(header.stay_id)
        self.segments.append(
            SourceSegment(
                segment_id=header.segment_id, sequence=header.sequence, boot_id=header.boot_id, clock=reader.clock
            )
        )

    def count(self, stream: Stream) -> None:
        self.frames[stream] = self.frames.get(stream, 0) + 1

    def summary(self) -> ExportSummary:
        assert self._first is not None
        excerpt = self._excerpt
        return ExportSummary(
            format_version=FORMAT_VERSION, notice=RESEARCH_USE, site=self._first.site, bed=self._first.bed,
            stay_ids=self._stays, event_id=excerpt.event_id, start_utc_ns=excerpt.start_utc_ns,
            end_utc_ns=excerpt.end_utc_ns, frames=dict(sorted(self.frames.items())), imu_samples=self.imu_samples,
            coverage=excerpt.coverage, gaps=list(excerpt.gaps), segments=self.segments, camera=self._first.camera,
        )  # fmt: skip
