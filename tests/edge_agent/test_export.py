"""A span or a clip of the ring, exported: frame-exact at both ends, in one piece, and never more than was asked."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from edge_agent.cli import main
from edge_agent.database import open_database
from edge_agent.export import moment, span_excerpt
from edge_agent.replay import replay
from edge_agent.ring.catalogue import insert_gap
from shared.clock import NS_PER_S, utc_text
from shared.errors import Refused
from shared.event import EventCause, EventPhase, EventReport
from shared.export.formats import ExportFormat, write_export
from shared.frame import Stream
from shared.gap import Gap, GapCause
from shared.ids import uuid7
from shared.imu import ImuSample
from tests.edge_agent.hand_clock import BOOT, UTC_NS
from tests.edge_agent.ring_files import add_segment, make_folder, make_frames

ROOT = Path(__file__).parents[2]
REAL = ROOT.parent / "shared/data/azure-kinect-nfov-unbinned.mkv"
KINECT_PYTHON = ROOT / ".venv-kinect/bin/python"
READ = ROOT / "tests/shared/export/read_by_pyk4a.py"
OTHER_BOOT = "11111111-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def ring(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four segments of 1 s from 100 s on, of 30 frames a second; 102 to 103 s is a gap."""
    folder = make_folder(tmp_path_factory.mktemp("bed") / "ring")
    connection = open_database(folder)
    for start_s in (100, 101, 103, 104):
        add_segment(folder, connection, make_frames(start_s, start_s + 1))
    insert_gap(connection, _gap())
    connection.close()
    return folder


def _gap() -> Gap:
    start_ns, end_ns = 102 * NS_PER_S, 103 * NS_PER_S
    return Gap(
        stream=Stream.depth, cause=GapCause.bus, boot_id=BOOT, start_mono_ns=start_ns, end_mono_ns=end_ns,
        start_utc_ns=UTC_NS + start_ns, end_utc_ns=UTC_NS + end_ns, missing_frames=30,
    )  # fmt: skip


def at(second: float) -> str:
    return utc_text(UTC_NS + round(second * NS_PER_S))


def run(folder: Path, start: float, end: float, out: Path, *more: str) -> Result:
    command = ["export", str(folder), "--from", at(start), "--to", at(end), "--format", "numpy", "--out", str(out)]
    return CliRunner().invoke(main, [*command, *more])


def times_of(out: Path) -> list[int]:
    return [int(value) for value in np.load(out / "times.npy")["mono_ns"]]


def frames_of(folder: Path, start: float, end: float, out: Path) -> list[int]:
    result = run(folder, start, end, out)
    assert result.exit_code == 0, result.output
    return times_of(out)


def test_the_span_is_half_open_and_spans_that_touch_lose_no_frame(ring: Path, tmp_path: Path) -> None:
    whole = frames_of(ring, 100, 105, tmp_path / "whole")
    assert len(whole) == 120
    border_ns = whole[47]
    first = frames_of(ring, 100, border_ns / NS_PER_S, tmp_path / "first")
    rest = frames_of(ring, border_ns / NS_PER_S, 105, tmp_path / "rest")
    assert len(first) == 47
    assert first + rest == whole


def test_one_line_tells_frames_gaps_and_coverage(ring: Path, tmp_path: Path) -> None:
    result = run(ring, 100.5, 104.5, tmp_path / "a")
    assert result.stdout.splitlines() == [
        "exported 90 depth, 90 ir; 1 gaps with 30 frames missing; coverage depth 75.0%, ir 75.0%"
    ]
    gaps = json.loads((tmp_path / "a" / "gaps.json").read_text())
    assert [gap["cause"] for gap in gaps] == ["bus"]


def test_the_pictures_are_those_of_the_camera(ring: Path, tmp_path: Path) -> None:
    frames_of(ring, 101, 102, tmp_path / "a")
    for name, wanted in (("depth", "depth"), ("ir", "ir")):
        found = np.load(tmp_path / "a" / f"{name}.npy", mmap_mode="r")
        assert found.dtype == np.uint16
        for picture, frame in zip(found, make_frames(101, 102), strict=True):
            assert np.array_equal(picture, getattr(frame, wanted))


def test_a_span_over_a_restart_of_the_box_has_both_boots(ring: Path, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "ring")
    connection = open_database(folder)
    add_segment(folder, connection, make_frames(100, 101))
    row = add_segment(folder, connection, make_frames(5, 6), boot_id=OTHER_BOOT)
    shift_ns = 105 * NS_PER_S
    connection.execute(
        "UPDATE segments SET start_utc_ns = start_utc_ns + ?, end_utc_ns = end_utc_ns + ? WHERE sha256 = ?",
        (shift_ns, shift_ns, row.sha256),
    )
    found = frames_of(folder, 100.5, 110.5, tmp_path / "a")
    assert len(found) == 30
    assert (found[0], found[15]) == (100.5 * NS_PER_S, 5 * NS_PER_S)


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        (90, 95, "The ring holds nothing of"),
        (102.2, 102.8, "The ring holds nothing of"),
        (101, 101, "The span is empty"),
        (100, 3701, "3601 s long"),
    ],
)
def test_what_cannot_be_exported_is_one_sentence_and_no_file(
    ring: Path, tmp_path: Path, start: float, end: float, words: str
) -> None:
    result = run(ring, start, end, tmp_path / "a")
    assert result.exit_code == 65
    assert len(result.stderr.splitlines()) == 1
    assert words in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_there_is_kept_unless_forced(ring: Path, tmp_path: Path) -> None:
    out = tmp_path / "a"
    frames_of(ring, 100, 101, out)
    again = run(ring, 101, 102, out)
    assert again.exit_code == 65
    assert "is there already" in again.stderr
    assert times_of(out)[0] == 100 * NS_PER_S
    assert run(ring, 101, 102, out, "--force").exit_code == 0
    assert times_of(out)[0] == 101 * NS_PER_S
    assert list(tmp_path.iterdir()) == [out]


def test_a_folder_that_is_no_export_is_never_replaced(ring: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter").write_text("one")
    result = run(ring, 100, 101, tmp_path / "thesis", "--force")
    assert result.exit_code == 65
    assert (tmp_path / "thesis" / "chapter").read_text() == "one"


def test_inertial_samples_at_the_seam_of_two_segments_are_kept(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "ring")
    connection = open_database(folder)
    for start_s in (100, 101):
        frames = [
            replace(
                frame, imu=(ImuSample(frame.device_ns, frame.mono_ns - 500, (0.0, 0.0, 9.8), (0.0, 0.0, 0.0), 30.0),)
            )
            for frame in make_frames(start_s, start_s + 1)
        ]
        add_segment(folder, connection, frames)
    frames_of(folder, 100, 102, tmp_path / "a")
    assert len(np.load(tmp_path / "a" / "imu.npy")) == 59  # the very first arrived before the span


def test_a_segment_evicted_meanwhile_is_exported_all_the_same(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "ring")
    connection = open_database(folder)
    row = add_segment(folder, connection, make_frames(100, 101))
    span = (UTC_NS + 100 * NS_PER_S, UTC_NS + 101 * NS_PER_S)
    with span_excerpt(folder, *span) as excerpt:
        row.path(folder).unlink()
        summary = write_export(excerpt, ExportFormat.mkv, tmp_path / "a.mkv", lambda *_: None)
    assert summary.frames == {Stream.depth: 30, Stream.ir: 30}


def test_a_damaged_segment_leaves_no_file(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "ring")
    connection = open_database(folder)
    row = add_segment(folder, connection, make_frames(100, 101))
    path = row.path(folder)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    result = run(folder, 100, 101, tmp_path / "a")
    assert result.exit_code == 65
    assert "damaged" in result.stderr
    assert not list(tmp_path.glob("*a*"))


def test_a_real_recording_comes_out_of_the_ring_as_the_sdk_read_it_before(tmp_path: Path) -> None:
    """Recorded by the shipped recorder, exported, and read by the Azure Kinect SDK's playback: nothing differs."""
    if not (REAL.exists() and KINECT_PYTHON.exists()):
        pytest.skip("the real recording or the environment .venv-kinect is missing")
    replay(REAL, tmp_path / "ring")
    command = ["export", str(tmp_path / "ring"), "--from", "3000", "--format", "mkv", "--out", str(tmp_path / "a.mkv")]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    before, after = (
        subprocess.run([KINECT_PYTHON, READ, path], check=True, capture_output=True, text=True, timeout=60).stdout
        for path in (REAL, tmp_path / "a.mkv")
    )
    assert json.loads(after) == json.loads(before)


def test_the_clip_of_an_event_is_its_span_with_pre_and_post_roll(ring: Path, tmp_path: Path) -> None:
    event_id = _told(ring, clip=(100.5, 101.5))
    out = tmp_path / "clip.mkv"
    command = ["export", str(ring), "--clip", event_id, "--format", "mkv", "--out", str(out)]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("exported 30 depth, 30 ir; no gaps; coverage depth 100.0%")
    assert "The Azure Kinect SDK opens no recording of 257x213 pixels" in result.stderr
    unknown = CliRunner().invoke(main, [*command[:3], "019a0000-0000-7000-8000-000000000000", *command[4:], "--force"])
    assert unknown.exit_code == 65
    assert "knows no event" in unknown.stderr


def _told(folder: Path, clip: tuple[float, float]) -> str:
    """Writes an event's last report as the detector does."""
    start_ns, end_ns = (round(second * NS_PER_S) for second in clip)
    report = make_report(start_ns, end_ns)
    connection = open_database(folder)
    connection.execute(
        "INSERT OR REPLACE INTO events (event_id, phase, revision, report) VALUES (?, 'closed', 1, ?)",
        (str(report.event_id), report.model_dump_json()),
    )
    connection.close()
    return str(report.event_id)


def make_report(start_ns: int, end_ns: int) -> EventReport:
    middle_ns = (start_ns + end_ns) // 2
    return EventReport(
        event_id=uuid7(UTC_NS), revision=1, phase=EventPhase.closed, cause=EventCause.detector, stay_id=None,
        boot_id=BOOT, start_mono_ns=middle_ns, end_mono_ns=middle_ns, clip_start_mono_ns=start_ns,
        clip_end_mono_ns=end_ns, start_utc_ns=UTC_NS + middle_ns, end_utc_ns=UTC_NS + middle_ns, peak_score=0.9,
        motor_type="clonic", release="detector-v0",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", -90.0), ("0.5", -0.5), ("1970-01-01T01:00:00+01:00", 0.0), ("1970-01-01T00:00:01.000001Z", 1.000001)],
)
def test_times_are_iso_8601_or_seconds_before_now(text: str, seconds: float) -> None:
    now_ns = 1_000 * NS_PER_S
    wanted = now_ns + round(seconds * NS_PER_S) if seconds < 0 else round(seconds * NS_PER_S)
    assert moment(text, now_ns) == wanted


@pytest.mark.parametrize("text", ["yesterday", "2026-03-01T22:10:00", "-5", ""])
def test_any_other_time_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        moment(text, 0)
