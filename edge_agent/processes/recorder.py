"""Writes segments, makes previews, keeps the ledger of gaps: wires the recorder's core to the bus."""

from __future__ import annotations

from edge_agent.bus_messages import BusTopic, FrameHandle
from edge_agent.database import wait_briefly
from edge_agent.desired import load_desired
from edge_agent.frame_pool import FramePoolReader
from edge_agent.ring.catalogue import SegmentRow
from edge_agent.ring.disk_space import Reserve, free_bytes_of
from edge_agent.ring.ledger import Moment
from edge_agent.ring.recorder import Arrival, Ears, Place, Recorder
from edge_agent.runner import Context
from shared.clock import NS_PER_S
from shared.codec.presence import warm_up
from shared.event import EventPhase
from shared.frame import Stream
from shared.gap import Gap
from shared.preview import Preview

TURN_MS = 100


def ears_of(context: Context) -> Ears:
    """What the recorder did, on the bus and in the log."""

    def preview(made: Preview) -> None:
        context.publish(BusTopic.preview, made)

    def sealed(row: SegmentRow, ratio: float) -> None:
        context.publish(BusTopic.sealed, row)
        seconds = (row.end_mono_ns - row.start_mono_ns) / NS_PER_S
        context.log.info("segment_sealed", size_bytes=row.size_bytes, seconds=round(seconds, 2), ratio=round(ratio, 2))

    def gap(found: Gap) -> None:
        seconds = (found.end_mono_ns - found.start_mono_ns) / NS_PER_S
        context.log.warning(
            "gap_recorded", cause=found.cause.value, stream=found.stream.value, seconds=round(seconds, 2),
            missing_frames=found.missing_frames,
        )  # fmt: skip

    return Ears(preview, sealed, gap, context.log)


def arrival_of(handle: FrameHandle) -> Arrival:
    """The handle as the recorder's core sees it."""
    present = {Stream.depth: handle.depth_width, Stream.ir: handle.ir_width, Stream.colour: handle.colour_bytes}
    streams = frozenset(stream for stream, size in present.items() if size)
    return Arrival(handle.index, handle.count, Moment(handle.mono_ns, handle.utc_ns), streams)


def run(context: Context) -> None:
    """Until the stop: takes what the bus brings, in order."""
    storage, bed = context.settings.storage, context.settings.bed
    connection = context.database()
    recorder = Recorder(
        Place(storage.folder, bed.site, bed.bed, storage.lanes), connection, context.clock, ears_of(context),
        Reserve(storage.folder, storage.reserve_bytes), free_bytes_of(storage.folder),
    )  # fmt: skip
    if not warm_up():
        context.log.warning("codec_kernels_missing", codec="left_planes_zstd")
    recorder.start()
    wait_briefly(connection)
    recorder.obey(load_desired(connection))
    inbox = context.subscribe(BusTopic.frame, BusTopic.event, BusTopic.desired)
    pool = FramePoolReader(storage.folder)
    session: int | None = None
    while not context.stop.is_set():
        found = inbox.receive(TURN_MS)
        if found is not None:
            topic, message = found
            if topic is BusTopic.frame:
                session = _take(message, recorder, pool, session)
            elif topic is BusTopic.desired:
                recorder.obey(message)
            elif message.phase is EventPhase.closed:
                recorder.close_segment()
        recorder.tick()
        context.beat(**recorder.counters())
    recorder.stop()


def _take(handle: FrameHandle, recorder: Recorder, pool: FramePoolReader, session: int | None) -> int | None:
    """Follows capture into a new pool when it opened the camera again; returns the pool that is followed now."""
    if handle.pool != session:
        info = pool.info(handle.pool)
        if info is None:
            return session
        recorder.open_session(info)
    recorder.take(arrival_of(handle), lambda: pool.read(handle))
    return handle.pool
