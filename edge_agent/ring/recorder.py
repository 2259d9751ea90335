"""The recorder's core: arrivals become frames in segments, previews, and an account of every frame that is missing.

It takes clock, folder, database and disk space from outside; it never waits for anyone and lives on when the disk is full.
"""

from __future__ import annotations

import contextlib
import errno
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

from edge_agent.desired import BEFORE_ANY_WORD
from edge_agent.frame_pool import PoolInfo
from edge_agent.ring.blocked_time import BlockedTime
from edge_agent.ring.catalogue import SegmentRow, SequenceNumbers
from edge_agent.ring.catalogue_queue import CatalogueQueue
from edge_agent.ring.disk_space import Reserve
from edge_agent.ring.ledger import Ledger, Moment
from edge_agent.ring.recovery import accounts, recover
from edge_agent.ring.segment_store import SegmentStore
from edge_agent.ring.time_keeping import TimeKeeper
from shared.clock import NS_PER_MS, NS_PER_S, Clock
from shared.command import DesiredState
from shared.errors import Transient
from shared.frame import Frame, Stream
from shared.gap import NOT_WANTED, Gap, GapCause
from shared.ids import uuid7
from shared.lane import TOGETHER, Lane
from shared.preview import Preview, PreviewMaker
from shared.segment_records import SegmentHeader

SEGMENT_NS = 10 * NS_PER_S
RETRY_NS = NS_PER_S
_DISK_ERRORS = (OSError, sqlite3.OperationalError)


@dataclass(frozen=True, slots=True)
class Place:
    """The bed and its folder, and how its streams lie in files."""

    folder: Path
    site: str
    bed: str
    lanes: tuple[Lane, ...] = TOGETHER


@dataclass(frozen=True, slots=True)
class Ears:
    """Who hears of what the recorder did; each is called after the fact is durable (previews: at once)."""

    preview: Callable[[Preview], None]
    sealed: Callable[[SegmentRow, float], None]
    gap: Callable[[Gap], None]
    log: Any


@dataclass(frozen=True, slots=True)
class Arrival:
    """A capture that reached the bed: the source's index, capture's own count, and which images it has."""

    index: int
    count: int
    at: Moment
    streams: frozenset[Stream]


class Recorder:
    """Call `start` once, `open_session` for each camera opening, `take` for each capture, `tick` several times a second."""

    def __init__(
        self, place: Place, connection: sqlite3.Connection, clock: Clock, ears: Ears, reserve: Reserve,
        free_bytes: Callable[[], int],
    ) -> None:  # fmt: skip
        self._place, self._connection, self._clock, self._ears = place, connection, clock, ears
        self._reserve, self._free_bytes = reserve, free_bytes
        self._store = SegmentStore(place.folder)
        self._queue = CatalogueQueue(connection, ears.sealed, ears.gap)
        self._numbers = SequenceNumbers(connection)
        self._ledger = Ledger(clock.boot_id, self._tell_gap)
        self._maker = PreviewMaker()
        self._times, self._blocked = TimeKeeper(), BlockedTime(clock)
        self._info: PoolInfo | None = None
        self._last: Arrival | None = None
        self._desired = BEFORE_ANY_WORD
        self._colour_cause = GapCause.source
        self._unwanted_until: tuple[GapCause, int] = (GapCause.unassigned, 0)
        self._retry_at_ns = 0
        self._next_look_ns = 0
        self.disk_full = False
        self.frames = 0
        self.last_frame_ns = 0
        self.lapped = 0
        self.stalled = 0
        self.condemned = 0

    def counters(self) -> dict[str, float]:
        """Figures for the beat."""
        return {
            "frames": self.frames, "lapped": self.lapped, "stalled": self.stalled, "condemned": self.condemned,
            "disk_full": self.disk_full, "last_frame_s": self.last_frame_ns / NS_PER_S,
            "longest_wait_s": self._blocked.longest_ns / NS_PER_S, **self._times.counters(),
        }  # fmt: skip

    def start(self) -> None:
        """Finishes what a crash left, and takes the account up where it ended. Raises Transient when the disk refuses."""
        try:
            recovered = recover(self._place.folder, self._connection, self._clock)
        except _DISK_ERRORS as error:
            self._reserve.release()
            raise Transient(f"What an earlier run left cannot be sealed now: {error}.") from error
        for row in recovered.sealed:
            self._ears.log.info("segment_recovered", size_bytes=row.size_bytes, sequence=row.sequence)
            self._ears.sealed(row, 1.0)
        for name in recovered.quarantined:
            self._ears.log.error("file_quarantined", file=name)
        if recovered.left:
            self._ears.log.warning("files_left_for_later", files=len(recovered.left))
        now = self._now()
        for account in accounts(self._place.folder, self._connection, self._clock.boot_id):
            self._ledger.take_up(account.stream, account.cause, account.until, now)

    def open_session(self, info: PoolInfo) -> None:
        """The camera opened (again): its streams and rates; captures count anew."""
        self._seal()
        self._times.begin_session()
        self._info, self._last = info, None
        frame_ns = round(NS_PER_S / info.camera.frames_per_s)
        colour_ns = round(NS_PER_S / (info.camera.colour_per_s or info.camera.frames_per_s))
        periods = {stream: colour_ns if stream is Stream.colour else frame_ns for stream in info.streams}
        self._ledger.open_session(periods, self._now())

    def obey(self, desired: DesiredState) -> None:
        """A new desired state: a pause or another stay ends the segment.

        What was captured in a pause and waits in the frame pool stays out when the pause has ended.
        """
        unwanted = self._unwanted()
        before, self._desired = self._desired, desired
        if unwanted is not None and self._unwanted() is None:
            self._unwanted_until = (unwanted, self._clock.monotonic_ns())
        if (before.stay_id, before.paused) != (desired.stay_id, desired.paused) or self.refusal() is not None:
            self._seal()

    def close_segment(self) -> None:
        """An event closed: its last segment shall be sealed now, not in ten seconds."""
        self._seal()

    def refusal(self) -> GapCause | None:
        """Why captures are not recorded now; None when they are."""
        unwanted = self._unwanted()
        if unwanted is not None:
            return unwanted
        if self.disk_full or self._clock.monotonic_ns() < self._retry_at_ns:
            return GapCause.disk
        return None

    def _unwanted(self) -> GapCause | None:
        if self._desired.paused:
            return GapCause.privacy_pause
        if self._desired.stay_id is None and not self._desired.record_unassigned:
            return GapCause.unassigned
        return None

    def take(self, arrival: Arrival, read: Callable[[], Frame | None]) -> None:
        """One capture; `read` copies it from the pool, None when it was overwritten there.

        The preview goes on while the disk refuses frames: the detector must see. In a pause the frame is not even read.
        """
        info = self._info
        if info is None:
            return
        arrival = replace(arrival, at=arrival.at.at(self._times.in_order(arrival.at.mono_ns)))
        cause = self.refusal()
        if arrival.at.mono_ns < self._unwanted_until[1]:
            cause = self._unwanted_until[0]
        self._account_jump(arrival, cause)
        if cause in NOT_WANTED:
            self._lose(arrival, cause)
            return
        frame = read()
        if frame is None:
            self._lose(arrival, cause or self._late(1, arrival.at.mono_ns))
            return
        frame = frame if frame.mono_ns == arrival.at.mono_ns else replace(frame, mono_ns=arrival.at.mono_ns)
        if cause is None:
            self._record(frame, arrival, info)
        else:
            self._tell_preview(self._maker.add(frame))
            self._lose(arrival, cause)

    def tick(self) -> None:
        """Flushes, looks at the disk, tells long gaps; call it several times a second."""
        now_ns = self._clock.monotonic_ns()
        self._flush(now_ns)
        if now_ns < self._next_look_ns:
            return
        self._next_look_ns = now_ns + NS_PER_S // 2
        with self._blocked.watch():
            self._queue.write()
        self._look_at_disk()
        self._ledger.tick(self._now())

    def stop(self) -> None:
        """Tells open gaps and seals."""
        self._ledger.close(self._now())
        self._seal()
        self._queue.write()

    def _record(self, frame: Frame, arrival: Arrival, info: PoolInfo) -> None:
        start_ns = self._store.start_mono_ns
        half_ns = round(NS_PER_S / info.camera.frames_per_s) // 2
        if start_ns is not None and frame.mono_ns - start_ns >= SEGMENT_NS - half_ns:
            self._seal()
        self._times.note(frame.device_ns, frame.mono_ns, frame.utc_ns)
        preview = self._maker.add(frame)
        self._store.written = []
        for stream in arrival.streams:
            self._ledger.end_gap(stream, arrival.at)
        try:
            with self._blocked.watch():
                if not self._store.is_open:
                    self._store.begin([self._header(info, lane) for lane in self._place.lanes])
                self._store.add(frame, preview)
        except _DISK_ERRORS as error:
            self._disk_failed(error)
            self._account_good(arrival, info, arrival.streams.intersection(self._store.written))
            self._lose(arrival, GapCause.disk, arrival.streams.difference(self._store.written))
            return
        finally:
            self._tell_preview(preview)
        self.frames += 1
        self.last_frame_ns = frame.mono_ns
        self._account_good(arrival, info, arrival.streams)
        self._flush(frame.mono_ns)

    def _flush(self, now_ns: int) -> None:
        try:
            with self._blocked.watch():
                self._store.flush_if_due(now_ns)
        except OSError as error:
            self._disk_failed(error)

    def _tell_preview(self, preview: Preview | None) -> None:
        if preview is not None:
            self._ears.preview(preview)

    def _lose(self, arrival: Arrival, cause: GapCause, streams: frozenset[Stream] | None = None) -> None:
        for stream in arrival.streams if streams is None else streams:
            self._ledger.lost(stream, cause, arrival.at)

    def _late(self, frames: int, since_ns: int) -> GapCause:
        """Frames that came while the recorder was elsewhere: the disk's loss when it hung there, else the bus's."""
        if self._blocked.was_to_blame(since_ns):
            self.stalled += frames
            return GapCause.disk
        self.lapped += frames
        return GapCause.bus

    def _account_jump(self, arrival: Arrival, cause: GapCause | None) -> None:
        last, self._last = self._last, arrival
        if last is None:
            return
        missing = max(0, arrival.index - last.index - 1)
        unheard = min(missing, max(0, arrival.count - last.count - 1))
        losses = {GapCause.source: missing - unheard}
        if cause is not None and cause in NOT_WANTED:
            losses = {cause: missing}
        elif unheard:
            self._colour_cause = self._late(unheard, last.at.mono_ns)
            losses = {self._colour_cause: unheard, **losses}
        for stream in (Stream.depth, Stream.ir):
            self._ledger.jumped(stream, losses, arrival.at)

    def _account_good(self, arrival: Arrival, info: PoolInfo, written: frozenset[Stream]) -> None:
        for stream in info.streams:
            if stream not in arrival.streams and stream is not Stream.colour:
                self._ledger.lost(stream, GapCause.source, arrival.at)
            if stream not in written:
                continue
            if stream is Stream.colour:
                self._ledger.late(stream, arrival.at, self._colour_cause)
                self._colour_cause = GapCause.source
            self._ledger.good(stream, arrival.at)

    def _header(self, info: PoolInfo, lane: Lane) -> SegmentHeader:
        """The id of colour is a millisecond younger: recovery takes in the youngest first, so that colour is there before the rest."""
        stay_id: UUID | None = self._desired.stay_id
        minted_ns = self._clock.utc_ns() + (NS_PER_MS if lane is Lane.colour else 0)
        return SegmentHeader(
            segment_id=uuid7(minted_ns), site=self._place.site, bed=self._place.bed, lane=lane,
            boot_id=self._clock.boot_id, sequence=self._numbers.next(), stay_id=stay_id, camera=info.camera,
        )  # fmt: skip

    def _seal(self) -> None:
        self._ledger.tell_bundles()
        with self._blocked.watch():
            try:
                self._catalogue_sealed()
            except OSError as error:
                self._disk_failed(error)

    def _catalogue_sealed(self) -> bool:
        """Seals what is open. True when there was something. Raises OSError."""
        if not self._store.is_open:
            return False
        clock, found = self._times.seal_model(), False
        while self._store.is_open:
            sealed = self._store.seal(clock)
            if sealed is not None:
                self._catalogue(sealed)
                found = True
        return found

    def _catalogue(self, entry: tuple[SegmentRow, float] | Gap) -> None:
        if not self._queue.put(entry) and self._queue.database_full:
            self._reserve.release()

    def _tell_gap(self, gap: Gap) -> None:
        self._catalogue(gap)
        if self._store.is_open:
            try:
                self._store.add_gap(gap)
            except OSError as error:
                self._disk_failed(error)

    def _disk_failed(self, error: Exception) -> None:
        """No room: seal what is whole. Any other failure: the file cannot be trusted; quarantine, and its span is a gap."""
        self._retry_at_ns = self._clock.monotonic_ns() + RETRY_NS
        full = _is_full(error)
        self._ears.log.error("disk_failed", sentence=f"The ring cannot be written: {error}.", full=full)
        if full:
            self.disk_full = True
            self._reserve.release()
            with contextlib.suppress(OSError):
                self._catalogue_sealed()
        self._condemn()
        self._ledger.tell_bundles()

    def _condemn(self) -> None:
        """The frames of the file are lost; what its gaps say was missing among them stays as it was told."""
        for lost in self._store.condemn():
            self.condemned += 1
            self._times.seal_model()
            for stream, count in lost.frames.items():
                self._catalogue(
                    Gap(
                        stream=stream, cause=GapCause.disk, boot_id=self._clock.boot_id, start_mono_ns=lost.start[0],
                        end_mono_ns=lost.end[0], start_utc_ns=lost.start[1], end_utc_ns=lost.end[1],
                        missing_frames=count, share=self._share_of(stream, count, lost.end[0] - lost.start[0]),
                    )
                )  # fmt: skip

    def _share_of(self, stream: Stream, frames: int, length_ns: int) -> float:
        info = self._info
        if info is None or length_ns <= 0:
            return 1.0
        rate = info.camera.colour_per_s if stream is Stream.colour else info.camera.frames_per_s
        return min(1.0, frames / max(1.0, rate * length_ns / NS_PER_S))

    def _look_at_disk(self) -> None:
        """A quarter of the reserve's size must stay free, or recording pauses until there is twice as much."""
        free = self._free_bytes()
        least = self._reserve.size_bytes // 4
        if not self.disk_full and free < least:
            self._ears.log.error("disk_full", sentence="The disk is full; nothing is recorded.", free_bytes=free)
            self._seal()
            self.disk_full = True
        elif self.disk_full and free >= 2 * least:
            self._ears.log.info("disk_has_room", free_bytes=free)
            self.disk_full = False

    def _now(self) -> Moment:
        return Moment(self._clock.monotonic_ns(), self._clock.utc_ns())


def _is_full(error: Exception) -> bool:
    if isinstance(error, sqlite3.OperationalError):
        return error.sqlite_errorcode == sqlite3.SQLITE_FULL
    return isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}
