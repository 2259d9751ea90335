"""A bed's folder with clips that are ready, and an uploader to a port of this machine."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path
from uuid import UUID

from edge_agent.clips.manifest import make_manifest
from edge_agent.clips.store import ClipStore
from edge_agent.outbox.store import Outbox
from edge_agent.transfer.cloud_client import CloudAddress, CloudClient
from edge_agent.transfer.pace import Pace, RatePlan
from edge_agent.transfer.uploader import Done, Uploader, UploadTurn
from shared.clip import ProxyFile
from shared.clock import NS_PER_S
from shared.event import EventReport
from shared.frame import Stream
from shared.ids import uuid7
from shared.receipt import Receipt, ReceiptKind
from shared.segment import hash_file
from tests.edge_agent.hand_clock import UTC_NS, HandClock
from tests.edge_agent.outbox.reports import make_report


class Bed:
    """A folder with segments and proxies, and an uploader to a port."""

    def __init__(self, folder: Path, connection: sqlite3.Connection, port: int) -> None:
        self.folder = folder
        self.connection = connection
        self.clock = HandClock()
        self.store = ClipStore(connection)
        self.outbox = Outbox(connection, "north", "bed-4")
        self.turns: list[UploadTurn] = []
        self.minted = 0
        self.store_origin: str | None = None
        self.connect(port)

    def connect(self, port: int) -> None:
        """As after a restart: nothing is remembered but the database."""
        address = CloudAddress(f"http://127.0.0.1:{port}", store_origin=self.store_origin)
        self.client = CloudClient(address, Pace(RatePlan(0), self.clock, no_stop, no_beat))
        self.uploader = Uploader(self.folder, self.store, self.client, self.clock, random.Random(1))

    def proxy(self, content: bytes, stream: Stream = Stream.ir) -> ProxyFile:
        path = self.folder / "proxies" / "new"
        path.write_bytes(content)
        sha256 = hash_file(path)
        path.rename(path.with_name(f"{sha256}.mp4"))
        return ProxyFile(
            stream=stream,
            sha256=sha256,
            size_bytes=len(content),
            codec="avc1.42c01e",
            width=2,
            height=2,
            frame_mono_ns=[1],
        )

    def clip(self, proxies: list[ProxyFile], start_s: float = 10, end_s: float = 12) -> EventReport:
        self.minted += 1
        start_ns, end_ns = round(start_s * NS_PER_S), round(end_s * NS_PER_S)
        report = make_report(
            "closed", event_id=uuid7(UTC_NS + self.minted * NS_PER_S), clip_start_mono_ns=start_ns,
            start_mono_ns=start_ns, end_mono_ns=end_ns, clip_end_mono_ns=end_ns,
        )  # fmt: skip
        sequence = self.outbox.record(report, UTC_NS)
        assert sequence is not None
        known = Receipt(event_id=report.event_id, sequence=sequence, kind=ReceiptKind.stored, committed_utc_ns=UTC_NS)
        self.outbox.receive(known, UTC_NS)
        self.store.make_ready(make_manifest(self.connection, report, proxies))
        return report

    def run(self, *, tries: int = 40, patience_s: float = 90) -> None:
        """Turns until nothing is left to do for a while, the clock moved on over every pause."""
        self.uploader.look()
        for _ in range(tries):
            turn = self.uploader.turn()
            self.turns.append(turn)
            if not turn.busy:
                if patience_s <= 0:
                    return
                self.clock.advance(30)
                patience_s -= 30
                self.uploader.look()

    @property
    def done(self) -> list[Done]:
        return [turn.done for turn in self.turns if turn.done is not None]

    @property
    def troubles(self) -> str:
        return " ".join(sentence for turn in self.turns for sentence in turn.troubles)

    @property
    def sent(self) -> list[tuple[str, int]]:
        return [(turn.sent.sha256, turn.sent.chunk) for turn in self.turns if turn.sent is not None]

    def pins(self) -> set[UUID]:
        return {UUID(row[0]) for row in self.connection.execute("SELECT event_id FROM pins")}


def no_stop(_seconds: float) -> bool:
    return False


def no_beat() -> None:
    return None
