"""A hospital's own recordings from files to the report: seizures, false events, deficient time, bad files, all named."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from models.cli import main
from models.evaluation.hospital import Findings, evaluate_recordings
from models.evaluation.report import report_of
from models.evaluation.report_page import page_of
from shared.clock import NS_PER_S
from shared.errors import Refused
from shared.preview import Preview
from tests.edge_agent.detection.networks import put_release
from tests.edge_agent.hand_clock import UTC_NS
from tests.fakes.frame_source import make_frame
from tests.fakes.recordings import write_recording
from tests.models.evaluation.hospital_files import START_S, write_night, write_tsv

OTHER_BOOT = "99999999-2222-4333-8444-555555555555"


@pytest.fixture
def releases(tmp_path: Path) -> Path:
    folder = tmp_path / "releases"
    folder.mkdir()
    put_release(folder)
    return folder


def evaluated(recordings: Path, annotations: Path, releases: Path) -> Findings:
    return evaluate_recordings(recordings, annotations, releases, "brightness", ZoneInfo("UTC"), lambda _: None)


def test_a_found_a_missed_and_a_false_event_are_told_with_latency_and_kept_bytes(
    releases: Path, tmp_path: Path
) -> None:
    ring = tmp_path / "ring"
    write_night(ring, 360, [(60, 75), (300, 310)])
    annotations = write_tsv(tmp_path / "a.tsv", (58, 20, "sz-foc-ia-m-tonic"), (150, 30, "sz"), (0, 360, "bckg"))
    report = report_of(evaluated(ring, annotations, releases))
    assert {kind: (one["hits"], one["trials"]) for kind, one in report["sensitivity"].items()} == {
        "all": (1, 2), "tonic": (1, 1), "sz": (0, 1),
    }  # fmt: skip
    assert report["latency"]["tonic"]["median_s"] == pytest.approx(4.5, abs=1)
    assert (report["false_alarms"]["count"], report["false_alarms"]["true_to_false"]) == (1, "1 : 1")
    assert report["false_alarms"]["per_h"] == pytest.approx(10, abs=0.1)
    assert 0.15 < report["false_bytes_share"] < 0.25
    assert report["device_deficiency"]["hours"] == 0
    assert report["device"]["cut_offs_fixed_before"]


def test_deficient_time_has_its_cause_and_a_seizure_in_it_is_not_called_missed(releases: Path, tmp_path: Path) -> None:
    ring = tmp_path / "ring"
    write_night(ring, 300, [], gap_s=(100, 160))
    report = report_of(evaluated(ring, write_tsv(tmp_path / "a.tsv", (110, 30, "sz")), releases))
    assert report["device_deficiency"]["hours_by_cause"] == {"privacy_pause": pytest.approx(60 / 3600, abs=1e-3)}
    assert report["seizures_in_deficient_time"] == 1
    assert report["sensitivity"]["all"]["trials"] == 0
    assert report["recording_time"]["hours"] == pytest.approx(240 / 3600, abs=1e-3)


def test_time_in_which_the_camera_was_covered_is_deficient(releases: Path, tmp_path: Path) -> None:
    def covered(preview: Preview) -> Preview:
        hidden = 100 <= preview.mono_ns / NS_PER_S - START_S < 150
        return replace(preview, ir=np.zeros_like(preview.ir), depth=np.zeros_like(preview.depth)) if hidden else preview

    write_night(tmp_path / "ring", 240, [], shown=covered)
    report = report_of(evaluated(tmp_path / "ring", write_tsv(tmp_path / "a.tsv"), releases))
    causes = report["device_deficiency"]["hours_by_cause"]
    assert causes == {"nothing to see in the picture": pytest.approx(50 / 3600, abs=1e-3)}


def test_a_damaged_segment_is_named_and_its_time_is_deficient(releases: Path, tmp_path: Path) -> None:
    ring = tmp_path / "ring"
    broken = write_night(ring, 200, [])[4]
    content = bytearray(broken.read_bytes())
    content[3000:] = bytes(len(content) - 3000)
    broken.write_bytes(content)
    (ring / "notes.seg").write_bytes(b"not a segment")
    report = report_of(evaluated(ring, write_tsv(tmp_path / "a.tsv"), releases))
    assert "notes.seg" in [one["file"] for one in report["files_not_read"]]
    assert report["device_deficiency"]["hours"] == pytest.approx(20 / 3600, abs=2e-3)


def test_rows_find_their_recording_by_the_time_of_day_and_the_rest_is_counted(releases: Path, tmp_path: Path) -> None:
    ring = tmp_path / "ring"
    write_night(ring / "first", 120, [(60, 75)])
    write_night(ring / "second", 120, [], boot_id=OTHER_BOOT)
    start = datetime.fromtimestamp(UTC_NS // NS_PER_S + START_S, UTC)
    named = ("onset", "duration", "eventType", "dateTime", "recording", "patient")
    rows = [
        (60, 20, "sz", f"{start:%Y-%m-%d %H:%M:%S}", OTHER_BOOT, "p-7"),
        (9000, 20, "sz", f"{start:%Y-%m-%d %H:%M:%S}", "", ""),
    ]
    report = report_of(evaluated(ring, write_tsv(tmp_path / "a.tsv", *rows, columns=named), releases))
    assert report["sensitivity_of_patient"] == {
        "p-7": {**report["sensitivity_of_patient"]["p-7"], "hits": 0, "trials": 1}
    }
    assert report["seizures_outside_every_recording"] == 1
    with pytest.raises(Refused, match="Line 2 fits 2 recordings"):
        evaluated(ring, write_tsv(tmp_path / "b.tsv", (60, 20, "sz")), releases)


def test_camera_files_go_through_the_beds_own_reader_and_a_cut_one_is_named(releases: Path, tmp_path: Path) -> None:
    films = tmp_path / "films"
    films.mkdir()
    whole = write_recording(films / "whole.mkv", [make_frame(index) for index in range(60)])
    (films / "cut.mkv").write_bytes(whole.read_bytes()[:2000])
    named = ("onset", "duration", "eventType", "recording")
    annotations = write_tsv(tmp_path / "a.tsv", (0.5, 1, "sz", "whole.mkv"), (5, 9, "sz", "cut"), columns=named)
    found = evaluated(films, annotations, releases)
    report = report_of(found)
    assert found.watched[0].previews == 30
    assert report["sensitivity"]["all"]["trials"] == 1
    assert [one["file"] for one in report["files_not_read"]] == ["cut.mkv"]
    assert report["recordings_without_pictures"] == ["cut"]
    assert report["seizures_outside_every_recording"] == 1


def test_a_folder_of_which_nothing_can_be_read_is_refused_with_the_first_reason(releases: Path, tmp_path: Path) -> None:
    (tmp_path / "ring").mkdir()
    (tmp_path / "ring" / "a.seg").write_bytes(b"no")
    with pytest.raises(Refused, match=r"Nothing under ring could be watched: a\.seg"):
        evaluated(tmp_path / "ring", write_tsv(tmp_path / "a.tsv"), releases)


def test_the_command_writes_a_page_that_needs_nothing_from_elsewhere(
    releases: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_night(tmp_path / "ring", 180, [(60, 75)], gap_s=(100, 140))
    annotations = write_tsv(tmp_path / "a.tsv", (58, 20, "sz-foc-ia-m-tonic"), (110, 10, "<b>odd</b>"))
    arguments = ["evaluate", "--recordings", str(tmp_path / "ring"), "--annotations", str(annotations)]
    with pytest.raises(SystemExit) as left:
        main([*arguments, "--folder", str(releases), "--release", "brightness", "--out", str(tmp_path / "out")])
    assert left.value.code == 0
    said = capsys.readouterr().out
    assert "sensitivity tonic" in said
    assert "minutes watched" in said
    page = (tmp_path / "out/evaluation-report.html").read_text()
    report = json.loads((tmp_path / "out/evaluation-report.json").read_text())
    assert page == page_of(report)
    assert not re.search(r"<script|https?:|src=|@import|url\(", page)
    assert "Research use only" in page
    assert "privacy_pause" in page
    assert page.count("<svg") >= 4
    assert "<b>odd" not in page


def test_half_of_the_command_or_a_wrong_zone_is_a_sentence(
    releases: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    annotations = write_tsv(tmp_path / "a.tsv")
    for arguments, words in (
        (["--recordings", str(tmp_path)], "give both --recordings and --annotations"),
        (["--recordings", str(tmp_path), "--annotations", str(annotations), "--zone", "Mars"], "no time zone Mars"),
    ):
        with pytest.raises(SystemExit) as left:
            main(["evaluate", *arguments])
        assert left.value.code not in {0, None}
        assert words in capsys.readouterr().err
