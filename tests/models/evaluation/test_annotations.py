"""Annotations: a row that cannot be read refuses the file by line and column; types become this project's words."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from models.evaluation.annotations import kind_of, read_annotations
from shared.errors import Refused
from tests.models.evaluation.hospital_files import write_tsv

UTC = ZoneInfo("UTC")
SZCORE = ("onset", "duration", "eventType", "confidence", "channels", "dateTime", "recordingDuration")


@pytest.mark.parametrize(
    ("event_type", "kind"),
    [
        ("sz-gen-m-tonic_clonic", "tonic_clonic"),
        ("sz-foc-f2b", "tonic_clonic"),
        ("sz-foc-ia-m-automatisms", "automotor"),
        ("sz-foc-a-m-hyperkinetic", "hyperkinetic"),
        ("sz-gen-m-tonic", "tonic"),
        ("PNES", "psychogenic"),
        ("sz-gen-nm-typical", "sz-gen-nm-typical"),
    ],
)
def test_types_become_the_words_of_this_project_or_stay_what_they_are(event_type: str, kind: str) -> None:
    assert kind_of(event_type) == kind


def test_a_file_of_szcore_is_read_and_its_background_left_out(tmp_path: Path) -> None:
    rows = [(10.5, 30, "sz", "n/a", "n/a", "2026-03-01 22:15:00", 3600), (0, 3600, "bckg", "n/a", "n/a", "n/a", 3600)]
    (row,) = read_annotations(write_tsv(tmp_path / "a.tsv", *rows, columns=SZCORE), ZoneInfo("Europe/Lisbon"))
    assert (row.onset_s, row.end_s, row.kind, row.sign_s) == (10.5, 40.5, "sz", None)
    assert row.base_utc_ns == 1_772_403_300 * 10**9


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (("ten", 30, "sz"), "line 2: onset must be a number of seconds, not ten"),
        ((10, "n/a", "sz"), "line 2: duration must be a number of seconds, not nothing"),
        ((10, -1, "sz"), "line 2: duration must lie above 0"),
        ((10, "inf", "sz"), "line 2: duration must be a number"),
        ((10, 30, ""), "line 2: eventType says nothing"),
        ((10, 30, "sz", "yesterday"), "line 2: dateTime must be like"),
        ((10, 30, "sz", "n/a", 90), "line 2: motorOnset lies outside the seizure"),
    ],
)
def test_a_wrong_row_is_refused_by_line_and_column(tmp_path: Path, row: tuple[object, ...], words: str) -> None:
    path = write_tsv(tmp_path / "a.tsv", row, columns=("onset", "duration", "eventType", "dateTime", "motorOnset"))
    with pytest.raises(Refused, match=words):
        read_annotations(path, UTC)


@pytest.mark.parametrize("content", [b"", b"onset,duration,eventType\n1,2,sz\n", b"\xff\xfe\x00", b"onset\tduration\n"])
def test_what_is_no_such_table_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.tsv"
    path.write_bytes(content)
    with pytest.raises(Refused, match=r"a\.tsv"):
        read_annotations(path, UTC)
