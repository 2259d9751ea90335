"""The evictor's process keeps a real ring in order: old ones go, left ones come in, damaged ones are put aside."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from edge_agent.database import open_database
from edge_agent.processes import evictor
from edge_agent.ring.catalogue import all_segments
from shared.clock import SystemClock
from tests.edge_agent.processes.running import make_settings, running
from tests.edge_agent.ring_files import add_segment, make_frames
from tests.waiting import wait_for


def test_the_ring_is_kept_in_order(tmp_path: Path) -> None:
    settings = make_settings(tmp_path / "bed")
    folder, boot = settings.storage.folder, SystemClock().boot_id
    with closing(open_database(folder)) as connection:
        rows = [
            add_segment(folder, connection, make_frames(number, number + 0.2), boot_id=boot) for number in range(1, 6)
        ]
        left = rows[-1]
        connection.execute("DELETE FROM segments WHERE sha256 = ?", (left.sha256,))
        damaged = rows[-2].path(folder)
        damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")
        room = sum(row.size_bytes for row in rows[1:4])
        limited = settings.storage.model_copy(update={"max_bytes": room, "reserve_bytes": 4096})
        with running(evictor, settings.model_copy(update={"storage": limited})):
            wait_for(lambda: not rows[0].path(folder).exists(), "the oldest to go")
            wait_for((folder / "quarantine" / damaged.name).exists, "the damaged one to be put aside")
            wait_for(lambda: left.sha256 in {row.sha256 for row in all_segments(connection)}, "the left one to come in")
            wait_for((folder / "reserve").exists, "the reserve")
        assert connection.execute("SELECT count(*) FROM garbage").fetchone()[0] == 0
