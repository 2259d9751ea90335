"""Many beds in one process for the bench of delivery: each has the shipped outbox on its own SQLite file, link and delivery.

One thread turns them all: a bed has its turn when its socket is readable, when something was queued, and each second otherwise
(each fifth of a second while it has no connection). Nothing of a bed's own code is replaced. The files lie in memory where the machine
has such a folder: a thousand beds do not share one disk, and this one belongs to the database here.
"""

from __future__ import annotations

import random
import select
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from edge_agent.database import open_database
from edge_agent.outbox.delivery import Delivery
from edge_agent.outbox.mqtt_client import LinkAddress
from edge_agent.outbox.mqtt_link import MqttLink
from edge_agent.outbox.store import Outbox, ReceiptOutcome
from edge_agent.outbox.transaction import transaction
from shared.clock import NS_PER_S, SystemClock
from shared.event import EventCause, EventPhase, EventReport
from shared.frame import Stream
from shared.gap import GapCause
from shared.heartbeat import Heartbeat, HourCoverage, ProcessHealth, StreamCoverage
from shared.ids import uuid7
from shared.topics import Topic
from tests.bench.delivery_house import House

IDLE_TURN_NS = NS_PER_S
ROUND_NS = NS_PER_S // 50
"""How often it is looked whose turn it is."""
CONNECTING_TURN_NS = NS_PER_S // 5
LONGEST_WAIT_S = 0.002
NEVER_NS = 2**63
TELLING_NS = NS_PER_S // 50
"""So long at most before the answers are read again, when this process is behind."""
MEMORY = Path("/dev/shm")  # noqa: S108
PROCESSES = ("capture", "recorder", "detector", "publisher", "proxy", "uploader", "evictor", "button", "heartbeat")


def make_event(clock: SystemClock, event_id: UUID | None = None) -> EventReport:
    """The first word on an event of this moment."""
    utc_ns, mono_ns = clock.utc_ns(), clock.monotonic_ns()
    return EventReport(
        event_id=event_id or uuid7(utc_ns), revision=0, phase=EventPhase.opened, cause=EventCause.detector, stay_id=None,
        boot_id=clock.boot_id, start_mono_ns=mono_ns, end_mono_ns=mono_ns, clip_start_mono_ns=max(0, mono_ns - 30 * NS_PER_S),
        clip_end_mono_ns=mono_ns, start_utc_ns=utc_ns, end_utc_ns=utc_ns, peak_score=0.9, motor_type="tonic_clonic",
        release="detector-v0",
    )  # fmt: skip


def make_heartbeat(clock: SystemClock) -> Heartbeat:
    """A whole one, as an agent of nine processes sends it after a day of recording."""
    now_ns, utc_ns = clock.monotonic_ns(), clock.utc_ns()
    hour_ns = 3600 * NS_PER_S
    coverage = StreamCoverage(
        recorded=0.98, wanted=0.99, lost={GapCause.restart: 0.01}, not_wanted={GapCause.privacy_pause: 0.01}
    )
    hours = [
        HourCoverage(
            start_utc_ns=(utc_ns // hour_ns - each) * hour_ns, streams={Stream.ir: coverage, Stream.depth: coverage}
        )
        for each in reversed(range(24))
    ]
    processes = [
        ProcessHealth(name=name, running=True, restarts=0, progress_age_s=0.2, core_share=0.05, rss_bytes=80_000_000)
        for name in PROCESSES
    ]
    return Heartbeat(
        boot_id=clock.boot_id, mono_ns=now_ns, utc_ns=utc_ns, version="bench", release="detector-v0", stay_id=None,
        paused=False, camera="open", coverage_1h={Stream.ir: 0.99, Stream.depth: 0.99}, coverage_hours=hours,
        last_frame_age_s=0.03, last_score=0.1, ring_bytes=10**12, ring_hours=24.0, promise_hours=24.0,
        disk_free_bytes=10**11, outbox_waiting=0, clips_waiting=0, pinned_bytes=0, dropped_frames=0, alarms=[],
        processes=processes,
    )  # fmt: skip


class Bed:
    """One bed's delivery side."""

    def __init__(self, house: House, name: str, folder: Path, clock: SystemClock, dice: random.Random) -> None:
        site, _, bed = name.partition(".")
        certificate, key = house.beds[name]
        address = LinkAddress("127.0.0.1", house.broker.port, site, bed, house.ca_file, certificate, key)
        self.name = name
        self.database: sqlite3.Connection = open_database(folder)
        self.outbox = Outbox(self.database, site, bed)
        self.link = MqttLink(address, "bench", self.outbox.next_session, clock, dice)
        self.delivery = Delivery(self.database, self.link, address, clock, dice)
        self.descriptor: int | None = None
        self.turned_ns = 0
        self.due: dict[int, tuple[int, bool]] = {}
        """By sequence number: when the event was to be told (monotonic ns), and whether it is a live one."""


@dataclass(slots=True)
class Answers:
    """Receipts: when they came, after how long, of live events and of queued ones."""

    live_s: list[float] = field(default_factory=list)
    late_s: list[float] = field(default_factory=list)
    """How late this process was to tell each event: part of what the receipts took, and no part of the cloud's."""
    queued: int = 0
    last_ns: int = 0


@dataclass(slots=True)
class Plan:
    """What a stretch of time asks of the beds, each second over all of them; and how much of it was told."""

    events_per_s: float = 0.0
    heartbeats_per_s: float = 0.0
    start_ns: int = field(default_factory=time.monotonic_ns)
    events: int = 0
    heartbeats: int = 0

    @property
    def next_event_ns(self) -> int:
        """When the next event is due; never, where none is asked for."""
        return self._at(self.events, self.events_per_s)

    @property
    def next_heartbeat_ns(self) -> int:
        """When the next heartbeat is due."""
        return self._at(self.heartbeats, self.heartbeats_per_s)

    def _at(self, number: int, rate: float) -> int:
        return self.start_ns + round(number * NS_PER_S / rate) if rate else NEVER_NS


class Swarm:
    """All beds. `run` plays them for a time; `answers` is what came since the last `forget`."""

    def __init__(self, house: House, names: list[str], seed: int = 1) -> None:
        self.clock = SystemClock()
        self._folder = Path(tempfile.mkdtemp(prefix="deepepil-swarm-", dir=MEMORY if MEMORY.is_dir() else None))
        self._dice = random.Random(seed)
        self._heartbeat = make_heartbeat(self.clock)
        self._poll = select.epoll()
        self._by_descriptor: dict[int, Bed] = {}
        self.answers = Answers()
        self.told = 0
        self.skipped_heartbeats = 0
        self.beds = list(self._make(house, names))
        self._round = 0
        self._next_round_ns = 0

    def _make(self, house: House, names: list[str]) -> Iterator[Bed]:
        first = self._folder / "first"
        first.mkdir()
        open_database(first).close()
        for name in names:
            folder = self._folder / name
            shutil.copytree(first, folder)
            yield Bed(house, name, folder, self.clock, random.Random(self._dice.random()))

    @property
    def connected(self) -> int:
        """How many beds are connected."""
        return sum(bed.link.connected for bed in self.beds)

    @property
    def waiting(self) -> int:
        """Events without a receipt."""
        return sum(len(bed.due) for bed in self.beds)

    def forget(self) -> Answers:
        """Returns the answers so far and begins anew."""
        found, self.answers = self.answers, Answers()
        return found

    def cut_off(self, beds: list[Bed]) -> None:
        """These lose their connection and have no turn until they are let back."""
        for bed in beds:
            bed.link.cut("The bench takes the bed off.")
            bed.turned_ns = NEVER_NS

    def let_back(self, beds: list[Bed]) -> None:
        """They connect again, as after an outage."""
        for bed in beds:
            bed.turned_ns = 0

    def queue(self, bed: Bed, count: int) -> None:
        """Puts a backlog into the outbox of a bed, a thousand events a transaction; they count as queued, not as live."""
        for start in range(0, count, 1_000):
            with transaction(bed.database):
                for _ in range(min(1_000, count - start)):
                    sequence = bed.outbox.record_within(make_event(self.clock), self.clock.utc_ns())
                    assert sequence is not None
                    bed.due[sequence] = (self.clock.monotonic_ns(), False)
                    self.told += 1

    def run(self, plan: Plan, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        """Plays the plan for so long, or until `until()` is true. Events are told at their time, whatever the answers do."""
        end_ns = time.monotonic_ns() + round(seconds * NS_PER_S)
        while (now_ns := time.monotonic_ns()) < end_ns and not until():
            self._tell(plan, now_ns)
            self._turn_idle(now_ns)
            for descriptor, _ in self._poll.poll(LONGEST_WAIT_S):
                bed = self._by_descriptor.get(descriptor)
                if bed is not None:
                    self._turn(bed)

    def _tell(self, plan: Plan, now_ns: int) -> None:
        """What is due by now, in its order, for a fiftieth of a second at most: who is behind must go on reading answers."""
        until_ns = now_ns + TELLING_NS
        while min(plan.next_event_ns, plan.next_heartbeat_ns) <= now_ns and time.monotonic_ns() < until_ns:
            if plan.next_event_ns <= plan.next_heartbeat_ns:
                self._tell_event(plan.next_event_ns)
                plan.events += 1
            else:
                self._tell_heartbeat(self.beds[plan.heartbeats % len(self.beds)])
                plan.heartbeats += 1

    def _tell_event(self, due_ns: int) -> None:
        self._round += 1
        bed = self.beds[self._round % len(self.beds)]
        self.answers.late_s.append((time.monotonic_ns() - due_ns) / NS_PER_S)
        sequence = bed.outbox.record(make_event(self.clock), self.clock.utc_ns())
        assert sequence is not None
        bed.due[sequence] = (due_ns, True)
        self.told += 1
        self._turn(bed, look=True)

    def _tell_heartbeat(self, bed: Bed) -> None:
        times = {"mono_ns": self.clock.monotonic_ns(), "utc_ns": self.clock.utc_ns()}
        body = self._heartbeat.model_copy(update=times)
        if bed.link.connected and not bed.delivery.say(Topic.heartbeat, body):
            self.skipped_heartbeats += 1

    def _turn_idle(self, now_ns: int) -> None:
        if now_ns < self._next_round_ns:
            return
        self._next_round_ns = now_ns + ROUND_NS
        for bed in self.beds:
            period_ns = IDLE_TURN_NS if bed.link.connected else CONNECTING_TURN_NS
            if now_ns - bed.turned_ns >= period_ns:
                self._turn(bed)

    def _turn(self, bed: Bed, *, look: bool = False) -> None:
        bed.turned_ns = time.monotonic_ns()
        happened = bed.delivery.turn(look=look)
        for receipt, outcome in happened.receipts:
            if outcome is ReceiptOutcome.removed:
                self._note(bed, receipt.sequence)
        if bed.link.wants_write:
            bed.turned_ns = 0  # the next round brings what the socket did not take
        self._watch(bed)

    def _note(self, bed: Bed, sequence: int) -> None:
        due = bed.due.pop(sequence, None)
        if due is None:
            return
        self.answers.last_ns = time.monotonic_ns()
        if due[1]:
            self.answers.live_s.append((self.answers.last_ns - due[0]) / NS_PER_S)
        else:
            self.answers.queued += 1

    def _watch(self, bed: Bed) -> None:
        """Keeps the descriptor of the bed's present connection in the poll."""
        descriptor = bed.link.descriptor
        if descriptor == bed.descriptor:
            return
        if bed.descriptor is not None and self._by_descriptor.get(bed.descriptor) is bed:
            del self._by_descriptor[bed.descriptor]
            with suppress(OSError):  # closed already
                self._poll.unregister(bed.descriptor)
        bed.descriptor = descriptor
        if descriptor is not None:
            if descriptor in self._by_descriptor:  # the number of a socket that another bed had
                self._by_descriptor[descriptor].descriptor = None
                with suppress(OSError):
                    self._poll.unregister(descriptor)
            self._poll.register(descriptor, select.EPOLLIN)
            self._by_descriptor[descriptor] = bed

    def close(self) -> None:
        """Ends all connections."""
        for bed in self.beds:
            bed.link.close()
            bed.database.close()
        self._poll.close()
        shutil.rmtree(self._folder, ignore_errors=True)
