"""A bed's life on the shipped recorder, outbox and evictor: seeded, with small frames of which each is known by its index.

Runs in a child. All that becomes a promise is told when the shipped code says so: a segment when `Ears.sealed` is called, a pin
when `Outbox.record` returned, a removal when the evictor's turn returned. Video time is the clock's, as fast as the disk lets it.
"""

from __future__ import annotations

import json
import random
import sqlite3
import sys
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from uuid import UUID

import numpy as np
import structlog

from edge_agent.database import open_database
from edge_agent.frame_pool import PoolInfo
from edge_agent.outbox.store import Outbox
from edge_agent.process_table import SUPERVISOR
from edge_agent.ring.catalogue import SegmentRow
from edge_agent.ring.disk_space import Reserve, free_bytes_of, room_of
from edge_agent.ring.eviction import Eviction
from edge_agent.ring.folder import locked, prepare_folder
from edge_agent.ring.ledger import Moment
from edge_agent.ring.opening import begin_work
from edge_agent.ring.promise import Limits
from edge_agent.ring.recorder import Arrival, Ears, Place, Recorder
from shared.clock import NS_PER_S
from shared.errors import Transient
from shared.event import EventCause, EventPhase, EventReport
from shared.frame import CameraInfo, Frame, Stream, Uint16Image
from shared.gap import Gap
from shared.ids import uuid7
from shared.lane import COLOUR_APART, TOGETHER
from shared.receipt import Receipt, ReceiptKind
from tests.campaigns.recording.mutations import Tell

SITE, BED = "north", "bed-4"
WIDTH, HEIGHT = 128, 106
FRAMES_PER_S = 10
PERIOD_NS = NS_PER_S // FRAMES_PER_S
MIB = 1024 * 1024
STREAMS = (Stream.depth, Stream.ir)
ALL_STREAMS = (*STREAMS, Stream.colour)
CAMERA = CameraInfo(
    source="simulator", make="campaign", depth_width=WIDTH, depth_height=HEIGHT, frames_per_s=FRAMES_PER_S
)
COLOUR_BYTES = 900
START_UTC_NS = 1_790_000_000 * NS_PER_S


@dataclass(frozen=True, slots=True)
class Times:
    """Where a life begins: the boot and its clocks, and the index of its first frame."""

    boot_id: str
    mono_ns: int
    utc_ns: int
    index: int


@dataclass(frozen=True, slots=True)
class Plan:
    """One life: `frames` at most; `restless` frames have seals, skips and pins between them, 0 to 1."""

    folder: Path
    seed: int
    times: Times
    frames: int = 100_000
    restless: float = 1.0
    ring_bytes: int = 6 * MIB
    ring_hours: float = 72.0
    reserve_bytes: int = 64 * 1024
    evicts: bool = True
    pins: float = 0.01
    pinned_at_most: int = 3
    pinned_s: int = 12
    """How far back an event reaches, at most."""
    seal_each: int = 0
    """Frames after which a segment is closed, as an event's end does; 0: by chance and by time only."""
    laps_last: int = 0
    """The frame so many before the last is lapped."""
    stops: bool = True
    """Ends with a stop; else it ends between two frames, as a kill does."""
    colour_apart: bool = False
    """The camera gives colour too, and it lies in files of its own."""
    colour_hours: float = 15 / 3600
    """How long such colour stays."""
    jumps_utc_s: tuple[float, ...] = ()
    """Steps of the wall clock, spread over the life."""


class LifeClock:
    """Both times move with the frames; the wall clock can be set."""

    def __init__(self, times: Times) -> None:
        self.boot_id = times.boot_id
        self._mono_ns, self._utc_ns = times.mono_ns, times.utc_ns

    def monotonic_ns(self) -> int:
        return self._mono_ns

    def utc_ns(self) -> int:
        return self._utc_ns

    def advance(self, ns: int) -> None:
        self._mono_ns += ns
        self._utc_ns += ns

    def jump(self, seconds: float) -> None:
        self._utc_ns = max(0, self._utc_ns + round(seconds * NS_PER_S))


@cache
def _scene() -> tuple[Uint16Image, Uint16Image]:
    rng = np.random.default_rng(7)
    rows = np.arange(HEIGHT)[:, None] * 8 + np.arange(WIDTH)[None, :] * 5 + 900
    grain = rng.integers(0, 2, (2, HEIGHT, WIDTH))
    depth, ir = (rows + grain[0]).astype(np.uint16), (rows * 3 + grain[1]).astype(np.uint16)
    depth[40:60, 50:90] = 0
    return depth, ir


def images_of(index: int) -> dict[Stream, Uint16Image]:
    """What frame `index` holds; no two indices give the same images."""
    found = {}
    for stream, scene in zip(STREAMS, _scene(), strict=True):
        image = scene + np.uint16(index % 61)
        image[0, :4] = [index >> shift & 0xFFFF for shift in (0, 16, 32, 48)]
        found[stream] = image
    return found


def colour_of(index: int) -> bytes:
    """The colour of frame `index`, as bytes that nobody decodes."""
    return b"\xff\xd8" + random.Random(index).randbytes(COLOUR_BYTES) + b"\xff\xd9"


class Life:
    """The shipped parts of one bed in one process, and the loop that feeds them."""

    def __init__(self, plan: Plan, tell: Tell) -> None:
        self.plan, self._tell = plan, tell
        self._rng = random.Random(plan.seed)
        self.clock = LifeClock(plan.times)
        folder = plan.folder
        identity = prepare_folder(folder, SITE, BED)
        self._stack = ExitStack()
        self._stack.enter_context(locked(folder, SUPERVISOR))
        begin_work(folder, identity, self.clock)
        self._connection = open_database(folder)
        ears = Ears(lambda _: None, self._sealed, self._gap, structlog.get_logger())
        reserve = Reserve(folder, plan.reserve_bytes)
        self._streams = ALL_STREAMS if plan.colour_apart else STREAMS
        place = Place(folder, SITE, BED, COLOUR_APART if plan.colour_apart else TOGETHER)
        self.recorder = Recorder(place, self._connection, self.clock, ears, reserve, free_bytes_of(folder))
        colour_hours = plan.colour_hours if plan.colour_apart else None
        limits = Limits(plan.ring_bytes, plan.ring_hours, 0, colour_hours)
        self._evictor_rows = open_database(folder)
        self._eviction = Eviction(folder, self._evictor_rows, self.clock, limits, reserve, room_of(folder))
        self._outbox_rows = open_database(folder)
        self._outbox = Outbox(self._outbox_rows, SITE, BED)
        self._index, self._count = plan.times.index, 0
        waiting = (
            "SELECT event_id, sequence FROM messages WHERE event_id IN (SELECT event_id FROM pins) ORDER BY sequence"
        )
        self._events = [(row["event_id"], row["sequence"]) for row in self._outbox_rows.execute(waiting)]

    def run(self) -> None:
        """The life, from the shipped start on."""
        self.recorder.start()
        camera = CAMERA.model_copy(update={"colour_per_s": FRAMES_PER_S}) if self.plan.colour_apart else CAMERA
        self.recorder.open_session(PoolInfo(camera=camera, streams=list(self._streams)))
        self._tell("started", None)
        jump_at = {round((k + 1) * self.plan.frames / (len(self.plan.jumps_utc_s) + 1)): each
                   for k, each in enumerate(self.plan.jumps_utc_s)}  # fmt: skip
        for number in range(self.plan.frames):
            if number in jump_at:
                self.clock.jump(jump_at[number])
            self._between(number)
            self._frame(
                lapped=self._chance(0.004) or (self.plan.laps_last and number == self.plan.frames - self.plan.laps_last)
            )
        if self.plan.stops:
            self.recorder.stop()
        self._tell("stopped", None)

    def close(self) -> None:
        """Lets go of the folder without a word."""
        for connection in (self._connection, self._outbox_rows, self._evictor_rows):
            connection.close()
        self._stack.close()

    def _chance(self, share: float) -> bool:
        return self._rng.random() < share * self.plan.restless

    def _between(self, number: int) -> None:
        plan = self.plan
        if self._chance(0.01) or (plan.seal_each and number % plan.seal_each == plan.seal_each - 1):
            self.recorder.close_segment()
        if self._chance(0.006):
            skipped = self._rng.randint(1, 5)
            self._index += skipped
            self.clock.advance(skipped * PERIOD_NS)
        if self._chance(plan.pins):
            self._pin()
        if plan.evicts and number % 15 == 7:
            self._evict()

    def _frame(self, *, lapped: object) -> None:
        self.clock.advance(PERIOD_NS)
        images = images_of(self._index)
        at = Moment(self.clock.monotonic_ns(), self.clock.utc_ns())
        frame = Frame(
            self._index, self._index * PERIOD_NS, at.mono_ns, at.utc_ns, images[Stream.depth], images[Stream.ir],
            colour_of(self._index) if self.plan.colour_apart else None,
        )  # fmt: skip
        self._tell("frame", [self._index, at.mono_ns, at.utc_ns])
        self._count += 1
        before = self.recorder.frames
        arrival = Arrival(self._index, self._count, at, frozenset(self._streams))
        self.recorder.take(arrival, lambda: None if lapped else frame)
        if self.recorder.frames > before:
            self._tell("taken", self._index)
        self.recorder.tick()
        self._index += 1

    def _pin(self) -> None:
        """An event over the last seconds, as the detector process keeps it; some older one is let go of."""
        now_ns, utc_ns = self.clock.monotonic_ns(), self.clock.utc_ns()
        start_ns = max(0, now_ns - self._rng.randint(1, self.plan.pinned_s) * NS_PER_S)
        event = EventReport(
            event_id=uuid7(utc_ns), revision=0, phase=EventPhase.opened, cause=EventCause.detector, stay_id=None,
            boot_id=self.clock.boot_id, start_mono_ns=start_ns, end_mono_ns=now_ns, clip_start_mono_ns=start_ns,
            clip_end_mono_ns=now_ns, start_utc_ns=max(0, utc_ns - now_ns + start_ns), end_utc_ns=utc_ns,
            peak_score=0.9, motor_type="unknown", release="campaign",
        )  # fmt: skip
        try:
            if len(self._events) >= self.plan.pinned_at_most:
                self._release(utc_ns)
            sequence = self._outbox.record(event, utc_ns)
        except (OSError, sqlite3.OperationalError, Transient):
            return
        if sequence is not None:
            self._events.append((str(event.event_id), sequence))
            self._tell("pinned", [str(event.event_id), event.boot_id, start_ns, now_ns])

    def _release(self, utc_ns: int) -> None:
        """The cloud's word on the oldest event: nobody wants its bytes."""
        event_id, sequence = self._events.pop(0)
        self._tell("unpinned", event_id)
        released = Receipt(
            event_id=UUID(event_id), sequence=sequence, kind=ReceiptKind.released, committed_utc_ns=utc_ns
        )
        self._outbox.receive(released, utc_ns)

    def _evict(self) -> None:
        try:
            gone = self._eviction.turn()
        except (OSError, sqlite3.OperationalError) as error:
            self._tell("not_evicted", str(error))
            return
        for row, reason in gone:
            self._tell("evicted", [row.sequence, reason])

    def _sealed(self, row: SegmentRow, _ratio: float) -> None:
        self._tell("sealed", row.model_dump(mode="json"))

    def _gap(self, gap: Gap) -> None:
        self._tell("gap", gap.model_dump(mode="json"))


def later(times: Times, frames: int, pause_s: float) -> Times:
    """The same boot, some frames and a pause later."""
    ns = frames * PERIOD_NS + round(pause_s * NS_PER_S)
    return replace(times, mono_ns=times.mono_ns + ns, utc_ns=times.utc_ns + ns, index=times.index + 1_000_000)


def command_of(plan: Plan, mutation: str = "") -> list[str]:
    """The command line of a life in a program of its own; it tells on its standard output."""
    return [sys.executable, "-m", "tests.campaigns.recording.life", json.dumps(asdict(plan), default=str), mutation]


def main(told: str, mutation: str) -> int:
    """Runs the life that `command_of` described."""
    from tests.campaigns.recording.children import live

    fields = json.loads(told)
    fields |= {"folder": Path(fields["folder"]), "times": Times(**fields["times"])}
    return live(lambda tell: Life(Plan(**fields), tell).run(), mutation)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
