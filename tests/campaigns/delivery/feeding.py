"""A bed's events without a camera: small real segments, reports through the shipped outbox, clips through the shipped store.

The witness is a file outside of the bed's folder: each report is noted in it once the outbox has returned, never before.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

from edge_agent.clips.manifest import make_manifest
from edge_agent.clips.store import ClipStore
from edge_agent.database import open_database
from edge_agent.detection.event_book import closed_as_known
from edge_agent.outbox.store import Outbox
from edge_agent.ring.folder import PROXIES
from shared.clip import ProxyFile
from shared.clock import NS_PER_S
from shared.event import EventCause, EventPhase, EventReport
from shared.frame import Stream
from shared.ids import uuid7
from shared.segment import hash_file
from tests.edge_agent.hand_clock import BOOT
from tests.edge_agent.ring_files import add_segment, make_frames

SITE = "north"
PIECE_S = 0.1
"""Each event adds a segment so long; a clip has two of them, so that neighbours share one."""
FIRST_S = 10.0
REPORTS = 3
PROXY_BYTES = 2_000
Tell = Callable[[UUID, int], None]


class Feeder:
    """One bed's detector, recorder and proxy maker, as far as delivery sees them. Use from one thread."""

    def __init__(self, folder: Path, bed: str, tell: Tell) -> None:
        self.connection: sqlite3.Connection = open_database(folder)
        self.outbox = Outbox(self.connection, SITE, bed)
        self.clips = ClipStore(self.connection)
        self._folder, self._tell = folder, tell

    def feed(self, events: int, *, proxy: bool = True, frames_s: float = PIECE_S) -> list[UUID]:
        """So many events from their first report to a clip that is ready."""
        return [self._event(proxy=proxy, length_s=frames_s) for _ in range(events)]

    def _event(self, *, proxy: bool, length_s: float) -> UUID:
        end_s = self._reached_s()
        add_segment(self._folder, self.connection, make_frames(end_s, end_s + length_s))
        report = _opened(max(FIRST_S, end_s - PIECE_S), end_s + length_s)
        self.record(report)
        for revision in range(1, REPORTS):
            phase = EventPhase.closed if revision == REPORTS - 1 else EventPhase.updated
            report = report.model_copy(update={"revision": revision, "phase": phase})
            self.record(report)
        self._make_ready(report, proxy=proxy)
        return report.event_id

    def record_one(self) -> None:
        """One short event without a segment."""
        report = _opened(FIRST_S, FIRST_S + PIECE_S)
        self.record(report)
        self.record(closed_as_known(report))

    def record(self, report: EventReport) -> None:
        """One report into the outbox, then to the witness."""
        self.outbox.record(report, time.time_ns())
        self._tell(report.event_id, report.revision)

    def mend(self) -> None:
        """What detector and proxy maker do after a restart or on the cloud's wish: close what is open, make what is asked again."""
        for report in self.outbox.open_events():
            self.record(closed_as_known(report))
        for report in self.clips.recording():
            if report.phase is EventPhase.closed:
                self._make_ready(report, proxy=True)

    def _make_ready(self, report: EventReport, *, proxy: bool) -> None:
        made = [self._proxy()] if proxy else []
        self.clips.make_ready(make_manifest(self.connection, report, made))

    def _proxy(self) -> ProxyFile:
        path = self._folder / PROXIES / f"new-{os.getpid()}"
        path.write_bytes(os.urandom(PROXY_BYTES))
        sha256 = hash_file(path)
        path.rename(path.with_name(f"{sha256}.mp4"))
        return ProxyFile(
            stream=Stream.ir, sha256=sha256, size_bytes=PROXY_BYTES, codec="avc1.42c01e", width=2, height=2,
            frame_mono_ns=[1],
        )  # fmt: skip

    def _reached_s(self) -> float:
        found = self.connection.execute("SELECT max(end_mono_ns) FROM segments WHERE boot_id = ?", (BOOT,)).fetchone()
        return FIRST_S if found[0] is None else float(found[0]) / NS_PER_S

    def close(self) -> None:
        """Ends the connection."""
        self.connection.close()


def _opened(start_s: float, end_s: float) -> EventReport:
    now_ns, start_ns, end_ns = time.time_ns(), round(start_s * NS_PER_S), round(end_s * NS_PER_S)
    return EventReport(
        event_id=uuid7(now_ns), revision=0, phase=EventPhase.opened, cause=EventCause.detector, stay_id=None,
        boot_id=BOOT, start_mono_ns=start_ns, end_mono_ns=end_ns, clip_start_mono_ns=start_ns, clip_end_mono_ns=end_ns,
        start_utc_ns=now_ns, end_utc_ns=now_ns + end_ns - start_ns, peak_score=0.9, motor_type="tonic_clonic",
        release="detector-campaign",
    )  # fmt: skip


class Witness:
    """The file of one bed: an id and a revision a line."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("a", buffering=1)

    def note(self, event_id: UUID, revision: int) -> None:
        """The outbox has it."""
        self._file.write(f"{event_id} {revision}\n")

    def told(self) -> dict[UUID, int]:
        """The highest revision of each event that anybody noted."""
        found: dict[UUID, int] = {}
        for line in self._path.read_text().splitlines():
            name, _, revision = line.partition(" ")
            event_id = UUID(name)
            found[event_id] = max(found.get(event_id, 0), int(revision))
        return found

    def close(self) -> None:
        """Ends the writing."""
        self._file.close()


def feed_alone(arguments: list[str]) -> int:
    """The program `feed FOLDER BED WITNESS EVENTS`: a detector that can be killed at its failpoints."""
    folder, bed, witness, events = arguments
    noted = Witness(Path(witness))
    feeder = Feeder(Path(folder), bed, noted.note)
    feeder.mend()
    feeder.feed(int(events))
    return 0
