"""What a crash left half done is finished at the next start, and nothing that was whole is given up."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_agent.ring import recovery
from edge_agent.ring.recovery import LaterRecovery, recover
from edge_agent.ring.ring_check import check_ring
from shared.frame import Stream
from shared.segment import SegmentWriter
from tests.edge_agent.ring.recording_bed import RecordingBed
from tests.edge_agent.ring_files import header_of, make_frames
from tests.fakes.clock import FakeClock


def test_a_sealed_file_without_a_row_gets_one(tmp_path: Path) -> None:
    bed = RecordingBed(tmp_path)
    bed.play(range(30), lapped=(7,))
    bed.stop()
    row = bed.sealed[0]
    bed.connection = RecordingBed(tmp_path, bed.clock).connection
    bed.connection.execute("DELETE FROM segments")
    bed.connection.execute("DELETE FROM gaps")
    assert len(bed.faults()) == 1
    recovered = recover(tmp_path, bed.connection)
    assert recovered.sealed == [row]
    assert bed.connection.execute("SELECT count(*) FROM gaps").fetchone()[0] == 2
    assert bed.faults() == []


def test_an_open_file_without_a_header_goes_into_quarantine(tmp_path: Path) -> None:
    bed = RecordingBed(tmp_path)
    (tmp_path / "open" / "x.part").write_bytes(b"\x89DES")
    assert recover(tmp_path, bed.connection).quarantined == ["x.part"]
    assert (tmp_path / "quarantine" / "x.part").exists()


def test_an_open_file_with_a_header_alone_goes_away(tmp_path: Path) -> None:
    bed = RecordingBed(tmp_path)
    bed.play(range(1))
    part = next((tmp_path / "open").iterdir())
    head = part.read_bytes()[:700]
    bed.crash()
    part.write_bytes(head)
    again = RecordingBed(tmp_path, bed.clock)
    assert again.sealed == []
    assert list((tmp_path / "open").iterdir()) == []


def test_a_sealed_file_whose_bytes_are_not_its_name_goes_into_quarantine(tmp_path: Path) -> None:
    bed = RecordingBed(tmp_path)
    bed.play(range(10))
    bed.stop()
    again = RecordingBed(tmp_path, bed.clock)
    again.connection.execute("DELETE FROM segments")
    path = bed.sealed[0].path(tmp_path)
    body = bytearray(path.read_bytes())
    body[len(body) // 2] ^= 1
    path.write_bytes(body)
    assert recover(tmp_path, again.connection).quarantined == [path.name]
    assert again.faults() == []


def test_a_file_that_the_evictor_is_removing_does_not_come_back(tmp_path: Path) -> None:
    bed = RecordingBed(tmp_path)
    bed.play(range(10))
    bed.recorder.close_segment()
    file = bed.sealed[0].file
    bed.connection.execute("DELETE FROM segments")
    bed.connection.execute("INSERT INTO garbage (file) VALUES (?)", (file,))
    assert list(recovery.uncatalogued(tmp_path, bed.connection)) == []
    assert recover(tmp_path, bed.connection).sealed == []
    assert list((tmp_path / "segments").iterdir()) == []


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0, 1))
def test_a_file_that_was_cut_anywhere_keeps_its_whole_records(
    tmp_path_factory: pytest.TempPathFactory, share: float
) -> None:
    folder = tmp_path_factory.mktemp("bed")
    bed = RecordingBed(folder)
    bed.play(range(12))
    bed.crash()
    part = next((folder / "open").iterdir())
    part.write_bytes(part.read_bytes()[: round(part.stat().st_size * share)])
    again = RecordingBed(folder, bed.clock)
    again.play(range(12, 20))
    again.stop()
    recorded = sum(row.frames.get(Stream.depth, 0) for row in again.sealed)
    if again.sealed[0].sequence == 0:
        assert recorded + again.missing().get("restart", 0) == 20
    assert again.faults() == []


class SlowClock(FakeClock):
    """Each look at it takes three seconds, as if every file took that long."""

    def monotonic_ns(self) -> int:
        self.advance(3)
        return super().monotonic_ns()


def leave_open(folder: Path, count: int) -> None:
    """Open files of the same bed as crashes leave them, with ten frames each."""
    for number in range(count):
        part = folder / "open" / f"{number}.part"
        writer = SegmentWriter(part, header_of(number))
        for frame in make_frames(10 * number, 10 * number + 10 / 30):
            writer.add_frame(frame)
        writer.close()


def test_a_start_with_many_left_files_takes_the_newest_and_leaves_the_rest(tmp_path: Path) -> None:
    connection = RecordingBed(tmp_path).connection
    leave_open(tmp_path, 5)
    done = recover(tmp_path, connection, SlowClock())
    assert [row.sequence for row in done.sealed] == [4]
    assert done.left == ["3.part", "2.part", "1.part", "0.part"]
    assert sorted(path.name for path in (tmp_path / "open").iterdir()) == ["0.left", "1.left", "2.left", "3.left"]
    assert check_ring(tmp_path).faults == []
    later = LaterRecovery(tmp_path, connection, FakeClock())
    taken = [row.sequence for _ in range(5) for row in later.turn().sealed]
    assert sorted(taken) == [0, 1, 2, 3]
    assert list((tmp_path / "open").iterdir()) == []


def test_without_a_limit_of_time_all_that_was_left_is_taken_in(tmp_path: Path) -> None:
    connection = RecordingBed(tmp_path).connection
    leave_open(tmp_path, 3)
    (tmp_path / "open" / "1.part").rename(tmp_path / "open" / "1.left")
    assert sorted(row.sequence for row in recover(tmp_path, connection).sealed) == [0, 1, 2]


def test_the_hourly_sweep_finds_a_sealed_file_that_has_no_row(tmp_path: Path) -> None:
    bed = RecordingBed(tmp_path)
    bed.play(range(10))
    bed.recorder.close_segment()
    later = LaterRecovery(tmp_path, bed.connection, bed.clock)
    assert later.turn().sealed == []
    bed.connection.execute("DELETE FROM segments")
    assert later.turn().sealed == []
    bed.clock.advance(3600)
    assert later.turn().sealed == bed.sealed


def test_a_file_that_cannot_be_read_does_not_keep_the_recorder_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bed = RecordingBed(tmp_path)
    bed.play(range(10))
    bed.recorder.close_segment()
    bed.connection.execute("DELETE FROM segments")

    def unreadable(_path: Path) -> str:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(recovery, "hash_file", unreadable)
    assert recover(tmp_path, bed.connection).quarantined == [bed.sealed[0].file]
    assert check_ring(tmp_path).faults == []
