"""A simulated bed: its database on a disk that can lose power, and the shipped outbox, delivery, clip store and uploader on it.

The detector's part (reports of events) and the proxy maker's (files of a few bytes) are played; what they call is shipped.
One connection serves all processes of the bed here: SQLite's own locking is not what is tried. A process that crashes loses
its memory and its transaction; a power cut takes all of them, the boot, and what the disk had not flushed.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from uuid import UUID

from edge_agent.clips.manifest import make_manifest
from edge_agent.clips.store import ClipStore
from edge_agent.outbox.delivery import Delivery
from edge_agent.outbox.mqtt_client import LinkAddress
from edge_agent.outbox.store import Outbox
from edge_agent.ring.catalogue import SegmentRow, insert_segment, next_sequence
from edge_agent.ring.folder import PROXIES, SEGMENTS
from edge_agent.transfer.cloud_client import CloudClient
from edge_agent.transfer.plan import ClipEnd
from edge_agent.transfer.uploader import Uploader
from shared.clip import ProxyFile
from shared.clock import NS_PER_S
from shared.event import EventCause, EventPhase, EventReport
from shared.frame import Stream
from shared.ids import uuid7
from tests.campaigns.delivery.sim_crashes import BedCrash
from tests.campaigns.delivery.sim_disk import BedDisk
from tests.campaigns.delivery.sim_network import Line
from tests.campaigns.delivery.sim_order import watch_order
from tests.campaigns.delivery.sim_time import BoxClock, VirtualTime

RESTART_S = (0.2, 15.0)
BOOT_S = (30.0, 400.0)
LOOK_S = (2.0, 30.0)
PINS_EVERY = 16
IDLE_LOOK_S = 600.0
IDLE_UPLOAD_S = 4 * 3600.0
PENDING_S = 10.0
CUT_OFF_S = 300.0
"""Between two tries of an uploader whose line is cut: a partition lasts days, and each try in it ends alike."""
Complain = Callable[[str, str], None]


class Bed:
    """One bed for the length of a run. `promised`: events that were durable once; `ended`: how their pins ended."""

    def __init__(
        self, time: VirtualTime, dice: random.Random, disk: BedDisk, line: Line, client: CloudClient, site: str,
        complain: Complain, clip_done: Callable[[str, UUID, ClipEnd], None],
    ) -> None:  # fmt: skip
        self.name = line.bed
        self.line, self.client = line, client
        self.promised: dict[UUID, int] = {}
        self.with_clip: set[UUID] = set()
        self.ended: dict[UUID, ClipEnd] = {}
        self.crashes = 0
        self.power_cuts = 0
        self.torn_next = False
        self.torn_cuts = 0
        self._time, self._dice, self._disk, self._site = time, dice, disk, site
        self._complain, self._clip_done = complain, clip_done
        self._boots = dice.randrange(1, 2**16)
        self._publisher_due: int | None = None
        self._uploader_due: int | None = None
        self._look = False
        self._turns = 0
        self._stirred_ns = 0
        line.wake = lambda: self.wake_publisher(0.0)
        self.boot()

    def boot(self) -> None:
        """Power is on: all processes start from the disk."""
        self._boots += 1
        self.on = True
        self.clock = BoxClock(self._time, self._boots)
        self.connection = self._disk.open()
        self.outbox = Outbox(self.connection, self._site, self.name)
        self.store = ClipStore(self.connection)
        self._start_publisher()
        self._start_uploader()
        self._time.after(self._dice.uniform(1.0, 40.0), self._make_clips)  # what was not made when the power went

    def _start_publisher(self) -> None:
        self.publishing = True
        address = LinkAddress("", 0, self._site, self.name)
        self.delivery = Delivery(self.connection, self.line, address, self.clock, self._dice)
        watch_order(self.delivery, self.name, self._complain)
        self.line.call()
        self.wake_publisher(0.0)

    def _start_uploader(self) -> None:
        self.uploading = True
        self.uploader = Uploader(self._disk.folder, self.store, self.client, self.clock, self._dice)
        self.wake_uploader(0.0)

    def cut_power(self, *, torn: bool = False) -> None:
        """The box is off at once and comes back minutes later, as another boot."""
        self._time.note(f"{self.name}: power cut{' within a commit' if torn else ''}")
        self.power_cuts += 1
        self.on = self.publishing = self.uploading = False
        self._publisher_due = self._uploader_due = None
        self.line.drop()
        self._disk.cut_power(self.connection, self._dice, torn=torn)
        self._time.after(self._dice.uniform(*BOOT_S), self.boot)

    def _crashed(self, crash: BedCrash, part: str) -> None:
        self.crashes += 1
        self._time.note(f"{self.name}: {part} crashed at {crash}")
        if self.torn_next and str(crash) == "after_outbox_commit":
            self.torn_next = False
            self.torn_cuts += 1
            self.cut_power(torn=True)

    # The detector's part.

    def report(self, event_id: UUID, start_utc_s: float, wish: EventPhase) -> None:
        """The next report of an event, by what the database knows of it; while the box is off, later."""
        if not self.on:
            self._time.after(30.0, lambda: self.report(event_id, start_utc_s, wish))
            return
        kept = self.connection.execute(
            "SELECT report, phase, revision FROM events WHERE event_id = ?", (str(event_id),)
        ).fetchone()
        if kept is not None and (kept["phase"] == EventPhase.closed or wish is EventPhase.opened):
            self._make_clips()  # the closing report was durable when its writer died
            return
        old = EventReport.model_validate_json(kept["report"]) if kept is not None else None
        report = self._next_report(event_id, old, wish)
        if wish is EventPhase.closed and event_id in self.with_clip:
            self._seal_segment(report)
        try:
            sequence = self.outbox.record(report, self.clock.utc_ns())
            self._time.note(f"{self.name}: event {event_id} {wish.value}, message {sequence}")
        except BedCrash as crash:
            self._crashed(crash, "detector")
            self._time.after(self._dice.uniform(20.0, 60.0), lambda: self.report(event_id, start_utc_s, wish))
            return
        self.promised[event_id] = report.revision
        self._look = True
        self.wake_publisher(0.0)
        if wish is EventPhase.closed and event_id in self.with_clip:
            self._time.after(self._dice.uniform(1.0, 40.0), self._make_clips)

    def _next_report(self, event_id: UUID, old: EventReport | None, wish: EventPhase) -> EventReport:
        now_ns, utc_ns = self.clock.monotonic_ns(), max(1, self.clock.utc_ns())
        if old is None:
            return EventReport(
                event_id=event_id, revision=0, phase=wish, cause=EventCause.detector, stay_id=None,
                boot_id=self.clock.boot_id, start_mono_ns=now_ns, end_mono_ns=now_ns, clip_start_mono_ns=now_ns - 30 * NS_PER_S,
                clip_end_mono_ns=now_ns + 15 * NS_PER_S, start_utc_ns=utc_ns, end_utc_ns=utc_ns, peak_score=0.9,
                motor_type="tonic_clonic", release="detector-sim",
            )  # fmt: skip
        same_boot = old.boot_id == self.clock.boot_id
        end_ns = max(old.end_mono_ns, now_ns) if same_boot else old.end_mono_ns + NS_PER_S
        changes = {
            "revision": old.revision + 1, "phase": wish, "end_mono_ns": end_ns,
            "clip_end_mono_ns": max(old.clip_end_mono_ns, end_ns + 15 * NS_PER_S),
        }  # fmt: skip
        return EventReport.model_validate({**old.model_dump(), **changes})

    def _seal_segment(self, report: EventReport) -> None:
        """One segment over the clip's span; clips that overlap name each other's too."""
        body = self._dice.randbytes(self._dice.randrange(1, 200))
        name = sha256(body).hexdigest()
        (self.folder / SEGMENTS / f"{name}.seg").write_bytes(body)
        row = SegmentRow(
            sha256=name, segment_id=uuid7(self._time.utc_stamp_ns()), sequence=next_sequence(self.connection),
            boot_id=report.boot_id, stay_id=None, start_mono_ns=report.clip_start_mono_ns,
            end_mono_ns=report.clip_end_mono_ns, start_utc_ns=report.start_utc_ns, end_utc_ns=report.end_utc_ns,
            size_bytes=len(body), frames={Stream.ir: 30}, file=f"{name}.seg",
        )  # fmt: skip
        insert_segment(self.connection, row)

    # The proxy maker's part.

    def lacks_proxies(self) -> list[str]:
        """Clips of this run that wait for their proxies, at first or again."""
        marks = ", ".join("?" * len(self.with_clip))
        found = self.connection.execute(
            f"SELECT event_id FROM clips JOIN events USING (event_id) WHERE stage = 'recording' AND phase = 'closed'"  # noqa: S608
            f" AND event_id IN ({marks}) ORDER BY event_id",
            [str(each) for each in sorted(self.with_clip)],
        )
        return [row[0] for row in found]

    def _make_clips(self) -> None:
        if not self.on:
            return
        for event_id in self.lacks_proxies():
            text = self.connection.execute("SELECT report FROM events WHERE event_id = ?", (event_id,)).fetchone()[0]
            report = EventReport.model_validate_json(text)
            body = b"proxy" + self._dice.randbytes(self._dice.randrange(1, 120))
            proxy = ProxyFile(
                stream=Stream.ir, sha256=sha256(body).hexdigest(), size_bytes=len(body), codec="avc1.42c01e", width=2,
                height=2, frame_mono_ns=[report.clip_start_mono_ns],
            )  # fmt: skip
            (self._disk.folder / PROXIES / f"{proxy.sha256}.mp4").write_bytes(body)
            self.store.make_ready(make_manifest(self.connection, report, [proxy]))
            self._time.note(f"{self.name}: clip of {event_id} is ready")
        self.wake_uploader(0.0)

    # The publisher.

    def wake_publisher(self, seconds: float) -> None:
        """At that time or sooner it takes a turn."""
        at_ns = self._time.now_ns + round(seconds * NS_PER_S)
        if self.publishing and (self._publisher_due is None or at_ns < self._publisher_due):
            self._publisher_due = at_ns
            self._time.after(seconds, lambda: self._publish(at_ns))

    def _publish(self, at_ns: int) -> None:
        if self._publisher_due != at_ns or not self.publishing:
            return
        self._publisher_due = None
        look, self._look = self._look, False
        try:
            happened = self.delivery.turn(look=look)
        except BedCrash as crash:
            self._publisher_gone(crash)
            return
        for back in happened.put_back:
            self._time.note(f"{self.name}: the cloud lacks {back.messages} and clips {back.clips}")
            for event_id in back.clips:
                self.ended.pop(event_id, None)
            if back.clips:
                self._time.after(20.0, self._make_clips)
        self._turns += 1
        if self._turns % PINS_EVERY == 0:
            self.check_pins()
        if look or happened.receipts or happened.link_changed:
            self._stirred_ns = self._time.now_ns
        if self.line.connected:
            least_s, most_s = LOOK_S
            soon_s = min(most_s, least_s + (self._time.now_ns - self._stirred_ns) / NS_PER_S / 10)
            self.wake_publisher(soon_s if self.delivery.waiting else IDLE_LOOK_S)

    def _publisher_gone(self, crash: BedCrash) -> None:
        self.publishing = False
        self.line.drop()
        self._crashed(crash, "publisher")
        self._time.after(self._dice.uniform(*RESTART_S), self._publisher_back)

    def _publisher_back(self) -> None:
        if self.on and not self.publishing:
            self._start_publisher()

    def check_pins(self) -> None:
        """I3: every durable event holds its segments until the cloud's word on its clip."""
        pinned = {row[0] for row in self.connection.execute("SELECT event_id FROM pins")}
        for event_id in [each for each in self.promised if str(each) not in pinned and each not in self.ended]:
            self._complain("pin without receipt", f"{self.name}: the pin of {event_id} is gone, no receipt ended it")
            self.ended[event_id] = ClipEnd.released

    # The uploader.

    def wake_uploader(self, seconds: float) -> None:
        """At that time or sooner it takes a turn."""
        at_ns = self._time.now_ns + round(seconds * NS_PER_S)
        if self.uploading and (self._uploader_due is None or at_ns < self._uploader_due):
            self._uploader_due = at_ns
            self._time.after(seconds, lambda: self._upload(at_ns))

    def _upload(self, at_ns: int) -> None:
        if self._uploader_due != at_ns or not self.uploading:
            return
        self._uploader_due = None
        try:
            self.uploader.look()
            turn = self.uploader.turn()
        except BedCrash as crash:
            self.uploading = False
            self._note_ends()
            self._crashed(crash, "uploader")
            self._time.after(self._dice.uniform(*RESTART_S), self._uploader_back)
            return
        if turn.done is not None:
            self._note_end(turn.done.event_id, turn.done.end)
        if turn.dead is not None:
            self._time.note(f"{self.name}: clip of {turn.dead} is dead: {turn.troubles[-1]}")
        for event_id in turn.reopened:
            self.ended.pop(event_id, None)
        self.wake_uploader(self._until_next_turn_s(busy=turn.busy))

    def _until_next_turn_s(self, *, busy: bool) -> float:
        if self.line.weather.cut:
            return CUT_OFF_S
        if busy:
            return self._dice.uniform(0.02, 1.0)
        return PENDING_S if self.store.to_send() else IDLE_UPLOAD_S

    def _uploader_back(self) -> None:
        if self.on and not self.uploading:
            self._start_uploader()

    def _note_ends(self) -> None:
        """What the uploader did before it crashed and could not tell."""
        for row in self.connection.execute("SELECT event_id, stage FROM clips WHERE stage IN ('stored', 'released')"):
            if UUID(row[0]) not in self.ended:
                self._note_end(UUID(row[0]), ClipEnd(row[1]))

    def _note_end(self, event_id: UUID, end: ClipEnd) -> None:
        self.ended[event_id] = end
        self._time.note(f"{self.name}: clip of {event_id} is {end.value}")
        self._clip_done(self.name, event_id, end)

    @property
    def folder(self) -> Path:
        return self._disk.folder

    def is_quiet(self) -> bool:
        """Everything that this bed owes is done."""
        if not (self.on and self.publishing and self.uploading) or self.outbox.waiting():
            return False
        return not self.lacks_proxies() and not self.store.to_send()
