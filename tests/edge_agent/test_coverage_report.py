"""The coverage of a bed leaves it as CSV or JSON, one row a stream and hour, with recorded, wanted and each cause in seconds."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from edge_agent.cli import main
from edge_agent.coverage_report import COLUMNS, as_csv, as_json, hour_lines
from edge_agent.settings import load_settings
from shared.errors import Refused
from tests.edge_agent.ring.recording_bed import RecordingBed, desired
from tests.edge_agent.small_agent import write_settings


def a_bed(folder: Path) -> RecordingBed:
    bed = RecordingBed(folder)
    bed.play(range(300), lapped=range(100, 130))
    bed.recorder.obey(desired(1, paused=True))
    bed.play(range(300, 600))
    bed.stop()
    return bed


def test_each_stream_and_hour_is_a_row_with_its_causes(tmp_path: Path) -> None:
    settings = load_settings(write_settings(tmp_path, tmp_path / "none.mkv"))
    bed = a_bed(settings.storage.folder)
    lines = hour_lines(settings, 24, bed.clock)
    rows = list(csv.DictReader(io.StringIO(as_csv(lines))))
    assert [row["stream"] for row in rows] == ["depth", "ir"]
    assert tuple(rows[0]) == COLUMNS
    assert float(rows[0]["coverage"]) == pytest.approx(0.9, abs=0.01)
    assert float(rows[0]["bus_s"]) == pytest.approx(1, abs=0.05)
    assert float(rows[0]["privacy_pause_s"]) == pytest.approx(10, abs=0.1)
    told = json.loads(as_json(lines))
    assert [str(told[0][name]) for name in ("stream", "recorded_s")] == [rows[0]["stream"], rows[0]["recorded_s"]]


def test_the_command_writes_csv_or_json(tmp_path: Path) -> None:
    config = write_settings(tmp_path, tmp_path / "none.mkv")
    a_bed(load_settings(config).storage.folder)
    found = CliRunner().invoke(main, ["coverage", "--config", str(config), "--hours", "2"])
    assert found.exit_code == 0
    assert found.output.startswith(",".join(COLUMNS[:3]))
    found = CliRunner().invoke(main, ["coverage", "--config", str(config), "--format", "json"])
    assert isinstance(json.loads(found.output), list)


def test_a_bed_that_never_recorded_is_a_sentence(tmp_path: Path) -> None:
    settings = load_settings(write_settings(tmp_path, tmp_path / "none.mkv"))
    with pytest.raises(Refused, match="never ran"):
        hour_lines(settings, 24)
