"""The proxy's process: a closed event in the database becomes a ready clip, told on the bus."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from edge_agent.bus_messages import BusTopic, ClipProgress
from edge_agent.clips.store import ClipStore
from edge_agent.database import open_database
from edge_agent.outbox.store import Outbox
from edge_agent.processes import proxy
from shared.clock import NS_PER_S, SystemClock
from tests.edge_agent.hand_clock import UTC_NS
from tests.edge_agent.outbox.reports import make_report
from tests.edge_agent.processes.running import Listener, make_settings, running
from tests.edge_agent.ring_files import add_segment, make_frames
from tests.waiting import wait_for


def test_a_closed_event_becomes_a_ready_clip(tmp_path: Path) -> None:
    settings = make_settings(tmp_path / "bed")
    folder, boot = settings.storage.folder, SystemClock().boot_id
    left_over = folder / "proxies" / "old-ir.part"
    left_over.write_bytes(b"half made")
    listener = Listener(folder, BusTopic.clip, "proxy")
    with closing(open_database(folder)) as connection, running(proxy, settings):
        wait_for(lambda: not left_over.exists(), "the sweep")
        listener.join()
        add_segment(folder, connection, make_frames(10, 12), boot_id=boot)
        report = make_report(
            "closed", boot_id=boot, clip_start_mono_ns=10 * NS_PER_S, start_mono_ns=10 * NS_PER_S,
            end_mono_ns=11 * NS_PER_S, clip_end_mono_ns=11 * NS_PER_S,
        )  # fmt: skip
        Outbox(connection, "north", "bed-4").record(report, UTC_NS)
        store = ClipStore(connection)
        wait_for(lambda: store.manifest(report.event_id), "the manifest")
        assert listener.next() == ClipProgress(event_id=report.event_id, what="proxy_made")
    listener.close()
