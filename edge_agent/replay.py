"""Records a file through the same recorder core as the bed, as fast as it can be read, without processes or a bus."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from edge_agent.database import open_database
from edge_agent.frame_pool import PoolInfo
from edge_agent.ring.catalogue import SegmentRow
from edge_agent.ring.disk_space import Reserve, free_bytes_of
from edge_agent.ring.folder import locked, prepare_folder
from edge_agent.ring.ledger import Moment
from edge_agent.ring.recorder import Arrival, Ears, Place, Recorder
from edge_agent.sources.mkv_playback import MkvPlayback
from shared.clock import NS_PER_S, Clock, SystemClock
from shared.errors import Transient
from shared.frame import Frame, Stream
from shared.gap import Gap

RESERVE_BYTES = 1024 * 1024
SITE, BED = "replay", "replay"


@dataclass
class Summary:
    """What a replay recorded."""

    segments: int = 0
    frames: dict[Stream, int] = field(default_factory=dict)
    missing_frames: int = 0
    stored_bytes: int = 0
    raw_bytes: float = 0.0
    seconds: float = 0.0

    @property
    def ratio(self) -> float:
        return self.raw_bytes / self.stored_bytes if self.stored_bytes else 0.0

    def add(self, row: SegmentRow, ratio: float) -> None:
        self.segments += 1
        self.stored_bytes += row.size_bytes
        self.raw_bytes += ratio * row.size_bytes
        self.seconds += (row.end_mono_ns - row.start_mono_ns) / NS_PER_S
        for stream, count in row.frames.items():
            self.frames[stream] = self.frames.get(stream, 0) + count


class ReplayClock:
    """Stands where the recording stands: what is played fast must be recorded as if it had been slow."""

    def __init__(self, start: Clock) -> None:
        self.boot_id = start.boot_id
        self._at = Moment(start.monotonic_ns(), start.utc_ns())

    def monotonic_ns(self) -> int:
        return self._at.mono_ns

    def utc_ns(self) -> int:
        return self._at.utc_ns

    def move(self, at: Moment) -> None:
        self._at = at


def replay(path: Path, folder: Path, clock: Clock | None = None, log: Any = None) -> Summary:
    """Records the file into `folder` (a bed's folder, made if it is missing) and returns what was recorded.

    Raises Refused for a foreign, cut or damaged file; what was recorded before the damage is sealed.
    """
    replay_clock = ReplayClock(clock or SystemClock())
    source = MkvPlayback(path, replay_clock, lambda _: False, paced=False)
    info = source.open()
    try:
        prepare_folder(folder, SITE, BED)
        with locked(folder, "supervisor"):
            return _record(source, PoolInfo(camera=info, streams=list(source.streams)), folder, replay_clock, log)
    finally:
        source.close()


def _record(source: MkvPlayback, info: PoolInfo, folder: Path, clock: ReplayClock, log: Any) -> Summary:
    summary = Summary()

    def count_gap(gap: Gap) -> None:
        summary.missing_frames += gap.missing_frames

    ears = Ears(lambda _: None, summary.add, count_gap, log or structlog.get_logger())
    connection = open_database(folder)
    recorder = Recorder(
        Place(folder, SITE, BED), connection, clock, ears, Reserve(folder, RESERVE_BYTES), free_bytes_of(folder)
    )
    recorder.start()
    recorder.open_session(info)
    try:
        count = 0
        while (frame := source.read()) is not None:
            count += 1
            at = Moment(frame.mono_ns, frame.utc_ns)
            clock.move(at)
            recorder.take(Arrival(frame.index, count, at, _streams_in(frame)), _holding(frame))
            recorder.tick()
            if recorder.disk_full:
                raise Transient(f"The disk of {folder} is full.")
    finally:
        recorder.stop()
        connection.close()
    return summary


def _holding(frame: Frame) -> Callable[[], Frame | None]:
    return lambda: frame


def _streams_in(frame: Frame) -> frozenset[Stream]:
    present = {Stream.depth: frame.depth, Stream.ir: frame.ir, Stream.colour: frame.colour}
    return frozenset(stream for stream, image in present.items() if image is not None)
