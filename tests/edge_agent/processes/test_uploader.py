"""The uploader's process: a ready clip reaches the cloud, its pin goes, and the bus hears of it."""

from __future__ import annotations

import threading
from contextlib import closing
from pathlib import Path

from edge_agent.bus_messages import BusTopic
from edge_agent.clips.manifest import make_manifest
from edge_agent.clips.store import ClipStore
from edge_agent.database import open_database
from edge_agent.outbox.store import Outbox
from edge_agent.processes import uploader
from edge_agent.runner import Context
from shared.clock import NS_PER_S, SystemClock
from shared.receipt import Receipt, ReceiptKind
from tests.edge_agent.hand_clock import UTC_NS
from tests.edge_agent.outbox.reports import make_report
from tests.edge_agent.processes.running import Listener, make_settings, running
from tests.edge_agent.ring_files import add_segment, make_frames
from tests.edge_agent.transfer.cloud_app import CloudState, serve
from tests.waiting import wait_for


def test_a_ready_clip_reaches_the_cloud_and_lets_its_segments_go(tmp_path: Path) -> None:
    cloud = CloudState()
    with serve(cloud) as port:
        settings = make_settings(tmp_path / "bed", cloud_port=port)
        folder = settings.storage.folder
        listener = Listener(folder, BusTopic.upload, "uploader")
        with closing(open_database(folder)) as connection, running(uploader, settings):
            listener.join()
            row = add_segment(folder, connection, make_frames(100, 101))
            report = make_report("closed", clip_start_mono_ns=100 * NS_PER_S)
            outbox, store = Outbox(connection, "north", "bed-4"), ClipStore(connection)
            outbox.record(report, UTC_NS)
            store.make_ready(make_manifest(connection, report, []))
            cloud.known.add(report.event_id)
            stored = Receipt(event_id=report.event_id, sequence=1, kind=ReceiptKind.stored, committed_utc_ns=UTC_NS)
            outbox.receive(stored, UTC_NS)
            wait_for(lambda: not connection.execute("SELECT 1 FROM pins").fetchone(), "the end of the pin")
            assert cloud.stored[row.sha256] == row.path(folder).read_bytes()
            progress = listener.next()
            assert (progress.event_id, progress.what) == (report.event_id, "clip_stored")
        listener.close()


def test_a_new_certificate_makes_it_end_so_that_the_supervisor_starts_it_with_that(tmp_path: Path) -> None:
    settings, certificate = make_settings(tmp_path / "bed"), tmp_path / "bed.crt"
    certificate.write_text("old")
    settings = settings.model_copy(
        update={"mqtt": settings.mqtt.model_copy(update={"certificate_file": certificate, "key_file": certificate})}
    )
    context = Context(settings, "uploader", SystemClock())
    listener = Listener(settings.storage.folder, BusTopic.upload, "uploader")
    thread = threading.Thread(target=uploader.run, args=(context,), daemon=True)
    thread.start()
    listener.join()
    assert thread.is_alive()
    (tmp_path / "next.crt").write_text("new")
    (tmp_path / "next.crt").replace(certificate)
    wait_for(lambda: not thread.is_alive(), "the end of the uploader")
    assert not context.stop.is_set()
    context.close()
    listener.close()
