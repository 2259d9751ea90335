"""The command line: each fault is one sentence on standard error and the right exit code, never a traceback."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edge_agent.cli import main
from edge_agent.database import open_database
from edge_agent.process_table import ROWS, Row
from edge_agent.processes.heartbeat import write_heartbeat
from edge_agent.replay import replay
from edge_agent.ring.catalogue import all_segments
from edge_agent.ring.folder import locked, prepare_folder
from edge_agent.runner import run_process
from edge_agent.settings import load_settings
from shared.errors import Refused
from shared.frame import Stream
from shared.segment import SegmentReader
from tests.edge_agent.small_agent import write_settings
from tests.edge_agent.test_health import health_of
from tests.fakes.clock import FakeClock
from tests.fakes.frame_source import ALL, make_frame
from tests.fakes.recordings import jpeg, write_recording

REAL = Path(__file__).parents[3] / "shared/data/azure-kinect-nfov-unbinned.mkv"
FRAMES = [replace(make_frame(index), colour=jpeg(9 * index)) for index in range(20)]


def call(*arguments: str | Path) -> Result:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return write_recording(tmp_path / "a.mkv", FRAMES)


@pytest.fixture
def config(tmp_path: Path, recording: Path) -> Path:
    return write_settings(tmp_path, recording)


def test_a_recording_is_replayed_and_checked(tmp_path: Path, recording: Path) -> None:
    result = call("replay", recording, "--out", tmp_path / "out")
    assert result.exit_code == 0
    assert "recorded 20 colour, 20 depth, 20 ir, 10 preview in 1 segments, 0 missing" in result.stdout
    checked = call("check", tmp_path / "out", "--read-data")
    assert checked.exit_code == 0
    assert "I1, I2, I3 and I7 hold: 1 segments" in checked.stdout


def test_a_replay_is_lossless(tmp_path: Path, recording: Path) -> None:
    replay(recording, tmp_path / "out", FakeClock())
    (row,) = all_segments(open_database(tmp_path / "out"))
    with SegmentReader(row.path(tmp_path / "out")) as reader:
        for image in reader.frames([Stream.depth, Stream.ir]):
            frame = FRAMES[image.index]
            wanted = frame.depth if image.stream is Stream.depth else frame.ir
            assert wanted is not None
            assert (image.pixels() == wanted).all()
        assert [image.image() for image in reader.frames([Stream.colour])] == [frame.colour for frame in FRAMES]


def test_a_long_recording_is_cut_into_segments_as_if_it_had_been_slow(tmp_path: Path) -> None:
    path = write_recording(
        tmp_path / "long.mkv",
        [replace(make_frame(k % 50), index=k) for k in range(650)],
        ALL[:2],
    )
    summary = replay(path, tmp_path / "out", FakeClock())
    assert summary.segments == 3
    assert summary.frames[Stream.depth] == 650
    assert summary.missing_frames == 0
    assert summary.seconds == pytest.approx(650 / 30, abs=0.1)


def test_a_damaged_recording_keeps_what_came_before_the_damage(tmp_path: Path) -> None:
    short = replace(FRAMES[5], depth=FRAMES[5].depth[:10] if FRAMES[5].depth is not None else None)
    path = write_recording(tmp_path / "bad.mkv", [*FRAMES[:5], short, *FRAMES[6:]])
    with pytest.raises(Refused, match="damaged"):
        replay(path, tmp_path / "out", FakeClock())
    (row,) = all_segments(open_database(tmp_path / "out"))
    assert row.frames[Stream.depth] == 5
    assert call("check", tmp_path / "out").exit_code == 0


@pytest.mark.skipif(not REAL.exists(), reason="the real Azure Kinect recording is not on this machine")
def test_the_real_recording_is_recorded_and_holds(tmp_path: Path) -> None:
    assert call("replay", REAL, "--out", tmp_path / "out").exit_code == 0
    assert call("check", tmp_path / "out", "--read-data").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["replay", "none.mkv", "--out", "OUT"], 65, "cannot be opened"),
        (["replay", "bed.toml", "--out", "OUT"], 65, "is not a Matroska recording"),
        (["check", "OUT"], 78, "is not the folder of a bed"),
        (["run", "--config", "none.toml"], 78, "cannot be read"),
        (["status", "--config", "none.toml"], 78, "cannot be read"),
        (["process", "nobody", "--config", "bed.toml"], 78, "There is no process nobody"),
    ],
)
def test_a_wrong_call_is_one_sentence(
    tmp_path: Path, config: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = call(*arguments)
    assert result.exit_code == code
    assert sentence in result.stderr
    assert re.fullmatch(r"deepepil-edge: [^\n]+\n", result.stderr)
    assert not (tmp_path / "OUT").exists()


def test_a_fault_in_the_ring_is_printed_and_the_exit_code_is_one(tmp_path: Path, recording: Path) -> None:
    call("replay", recording, "--out", tmp_path / "out")
    (tmp_path / "out/segments/stray").touch()
    result = call("check", tmp_path / "out")
    assert result.exit_code == 1
    assert "I2: segments/stray is neither catalogued nor garbage-listed." in result.stdout


def test_a_ring_whose_database_is_gone_is_repaired_deed_by_deed(tmp_path: Path, recording: Path, config: Path) -> None:
    call("replay", recording, "--out", tmp_path / "out")
    for path in (tmp_path / "out").glob("edge.db*"):
        path.unlink()
    broken = call("check", tmp_path / "out")
    assert broken.exit_code == 70
    assert "check" in broken.stderr
    assert "--repair" in broken.stderr
    repaired = call("check", tmp_path / "out", "--repair", "--read-data")
    assert repaired.exit_code == 0
    assert "repaired: edge.db was missing" in repaired.stdout
    assert "had no row: it is catalogued." in repaired.stdout
    assert call("check", tmp_path / "out").exit_code == 0


def test_an_agent_does_not_start_on_a_damaged_database(tmp_path: Path, config: Path) -> None:
    prepare_folder(tmp_path / "data", "north", "bed-4")
    (tmp_path / "data" / "edge.db").write_bytes(b"no database" * 1000)
    result = call("run", "--config", config)
    assert result.exit_code == 70
    assert "is damaged" in result.stderr
    assert "--repair" in result.stderr


def test_replay_does_not_enter_a_folder_in_which_an_agent_works(tmp_path: Path, recording: Path) -> None:
    prepare_folder(tmp_path / "out", "replay", "replay")
    with locked(tmp_path / "out", "supervisor"):
        result = call("replay", recording, "--out", tmp_path / "out")
    assert result.exit_code == 75
    assert "Another agent uses the folder" in result.stderr


def test_status_tells_of_a_bed_that_never_ran_and_of_one_that_does(tmp_path: Path, config: Path) -> None:
    fresh = call("status", "--config", config)
    assert fresh.exit_code == 0
    assert "agent     never ran here" in fresh.stdout
    assert not (tmp_path / "data").exists()
    prepare_folder(tmp_path / "data", "north", "bed-4")
    health = health_of(tmp_path / "data")
    stopped = call("status", "--config", config)
    assert "does not run" in stopped.stdout
    assert "ring      empty" in stopped.stdout
    assert "heartbeat none yet" in stopped.stdout
    write_heartbeat(tmp_path / "data", health.health.heartbeat())
    with locked(tmp_path / "data", "supervisor"):
        running = call("status", "--config", config)
    assert "agent     runs" in running.stdout
    assert "heartbeat" in running.stdout


def test_a_process_that_cannot_start_says_why_in_one_log_line(
    config: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    prepare_folder(tmp_path / "data", "north", "another-bed")
    assert run_process(ROWS[1], load_settings(config)) == 78
    (line,) = capsys.readouterr().out.splitlines()
    assert '"event": "process_failed"' in line
    assert "belongs to bed another-bed" in line


def test_a_disk_that_refuses_at_start_is_one_log_line(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("edge_agent.ring.recorder.recover", full)
    assert run_process(ROWS[1], load_settings(config)) == 75
    (line,) = capsys.readouterr().out.splitlines()
    assert "What an earlier run left cannot be sealed now" in line


def test_an_unforeseen_fault_is_logged_whole_in_one_line(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row = Row("recorder", "tests.edge_agent.crashing_process", "crashes", (), (), core_share=0, rss_bytes=0)
    assert run_process(row, load_settings(config)) == 70
    (line,) = capsys.readouterr().out.splitlines()
    assert '"event": "process_crashed"' in line
    assert "ZeroDivisionError" in line
