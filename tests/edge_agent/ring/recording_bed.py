"""A bed's recorder on real files, with a clock, a disk and an account that the test sees."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import structlog

from edge_agent.database import open_database
from edge_agent.frame_pool import PoolInfo
from edge_agent.ring.catalogue import SegmentRow, all_segments
from edge_agent.ring.disk_space import Reserve, Room
from edge_agent.ring.eviction import Eviction
from edge_agent.ring.folder import prepare_folder
from edge_agent.ring.ledger import Moment
from edge_agent.ring.promise import Limits
from edge_agent.ring.recorder import Arrival, Ears, Place, Recorder
from edge_agent.ring.ring_check import check_ring
from shared.clock import NS_PER_S
from shared.command import DesiredState
from shared.frame import Frame, Stream
from shared.gap import Gap
from shared.ids import uuid7
from shared.lane import TOGETHER, Lane
from shared.preview import Preview
from tests.fakes.clock import START_MONO_NS, FakeClock
from tests.fakes.frame_source import ALL, BOTH, PERIOD_NS, camera_info, make_frame

RESERVE_BYTES = 4 * 1024 * 1024
STAY = uuid7(1)


def desired(version: int = 1, *, stay: bool = True, paused: bool = False, unassigned: bool = True) -> DesiredState:
    return DesiredState(
        version=version, stay_id=STAY if stay else None, paused=paused, record_unassigned=unassigned, issued_utc_ns=0
    )


class RecordingBed:
    """Start it, play frames, stop or crash it, start it again on the same folder."""

    def __init__(
        self, folder: Path, clock: FakeClock | None = None, *, colour: bool = False, lanes: tuple[Lane, ...] = TOGETHER
    ) -> None:
        self.folder = folder
        self.clock = clock or FakeClock()
        self.colour = colour
        self.free_bytes = 1 << 40
        self.previews: list[Preview] = []
        self.sealed: list[SegmentRow] = []
        self.gaps: list[Gap] = []
        prepare_folder(folder, "north", "bed-4")
        self.connection: sqlite3.Connection = open_database(folder)
        ears = Ears(
            self.previews.append, lambda row, _: self.sealed.append(row), self.gaps.append, structlog.get_logger()
        )
        self.recorder = Recorder(
            Place(folder, "north", "bed-4", lanes), self.connection, self.clock, ears,
            Reserve(folder, RESERVE_BYTES), lambda: self.free_bytes,
        )  # fmt: skip
        self.recorder.start()
        self.recorder.open_session(self.session())
        self._count = 0

    def session(self) -> PoolInfo:
        return PoolInfo(camera=camera_info(10.0 if self.colour else 0.0), streams=list(ALL if self.colour else BOTH))

    def play(self, indices: Iterable[int], *, lapped: Iterable[int] = (), unheard: Iterable[int] = ()) -> None:
        """Frames at their nominal times; `lapped` are overwritten before they are read, `unheard` never arrive at all."""
        gone, silent = set(lapped), set(unheard)
        for index in indices:
            self._count += 1
            self.clock.advance_ns(max(0, START_MONO_NS + index * PERIOD_NS - self.clock.monotonic_ns()))
            if index not in silent:
                frame = make_frame(index, streams=self.streams_of(index))
                self.arrive(replace(frame, utc_ns=self.clock.utc_ns()), read=index not in gone)
            self.recorder.tick()

    def streams_of(self, index: int) -> tuple[Stream, ...]:
        return ALL if self.colour and index % 3 == 0 else BOTH

    def arrive(self, frame: Frame, *, read: bool = True) -> None:
        images = {Stream.depth: frame.depth, Stream.ir: frame.ir, Stream.colour: frame.colour}
        streams = frozenset(stream for stream, image in images.items() if image is not None)
        arrival = Arrival(frame.index, self._count, Moment(frame.mono_ns, frame.utc_ns), streams)
        self.recorder.take(arrival, lambda: frame if read else None)

    def wait(self, seconds: float) -> None:
        """Time passes without frames."""
        for _ in range(round(seconds * 4)):
            self.clock.advance_ns(NS_PER_S // 4)
            self.recorder.tick()

    def stop(self) -> None:
        self.recorder.stop()
        self.connection.close()

    def crash(self) -> None:
        """The process is gone without a word."""
        self.connection.close()

    def rows(self) -> list[SegmentRow]:
        return all_segments(self.connection)

    def missing(self, stream: Stream = Stream.depth) -> dict[str, int]:
        found: dict[str, int] = {}
        for gap in self.gaps:
            if gap.stream is stream:
                found[gap.cause.value] = found.get(gap.cause.value, 0) + gap.missing_frames
        return found

    def faults(self) -> list[str]:
        return [fault.sentence for fault in check_ring(self.folder, read_data=True).faults]


def evicting(
    bed: RecordingBed, colour_hours: float | None, *, max_hours: float = 72.0, max_bytes: int = 1 << 40
) -> Eviction:
    """Retention over the bed's folder, on a disk with room."""
    limits = Limits(max_bytes, max_hours, 0, colour_hours)
    return Eviction(
        bed.folder, bed.connection, bed.clock, limits, Reserve(bed.folder, RESERVE_BYTES), lambda: Room(1 << 40)
    )
