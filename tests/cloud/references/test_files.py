"""Tables and EDF+ annotations are read row by row; a bad row is named by its line, and nothing else is taken for a seizure."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.references.edf import is_edf, read_edf
from cloud.references.seizure import EegSeizure
from cloud.references.tsv import read_tsv
from shared.clock import NS_PER_S
from shared.errors import Refused
from tests.cloud.references.eeg_files import SZCORE, edf, tal

UTC = ZoneInfo("UTC")
EIGHT_NS = 1_779_998_400 * NS_PER_S
"""2026-05-28 20:00:00 UTC."""


def seconds(found: list[EegSeizure]) -> list[tuple[int, float, float, str]]:
    return [
        (each.line, (each.start_ns - EIGHT_NS) / NS_PER_S, each.duration_ns / NS_PER_S, each.kind) for each in found
    ]


def test_a_table_of_szcore_gives_its_seizures_and_passes_over_the_background() -> None:
    found = read_tsv(SZCORE, None, UTC)
    assert seconds(found.seizures) == [(2, 100.5, 40.0, "sz_foc_ia"), (4, 1200.0, 60.0, "sz")]
    assert (found.passed_over, found.faults) == (1, [])


def test_a_time_without_a_zone_is_meant_in_the_zone_that_was_given_and_a_given_start_counts_first() -> None:
    assert read_tsv(SZCORE, None, ZoneInfo("Europe/Lisbon")).seizures[0].start_ns == EIGHT_NS - 3600 * NS_PER_S + round(
        100.5 * NS_PER_S
    )
    assert read_tsv(SZCORE, 7 * NS_PER_S, UTC).seizures[1].start_ns == 1207 * NS_PER_S


def test_a_table_of_two_columns_is_all_seizures() -> None:
    found = read_tsv(b"onset\tduration\n1\t2\n\n3\tn/a\n", EIGHT_NS, UTC)
    assert seconds(found.seizures) == [(2, 1, 2, "sz"), (4, 3, 0, "sz")]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("soon\t4", "line 2: onset is 'soon', not a number of seconds."),
        ("n/a\t4", "line 2: onset is missing."),
        ("5\t-1", "line 2: duration is -1, which cannot be."),
        ("5\tinf", "line 2: duration is inf, which cannot be."),
        ("5\t90000", "line 2: duration is longer than a day; it is in seconds."),
    ],
)
def test_a_bad_row_is_named_by_its_line(row: str, told: str) -> None:
    assert read_tsv(f"onset\tduration\n{row}\n".encode(), EIGHT_NS, UTC).faults == [told]


def test_a_table_that_does_not_say_when_it_began_is_refused_row_by_row() -> None:
    assert "give it, or a column dateTime" in read_tsv(b"onset\tduration\n1\t2\n", None, UTC).faults[0]


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"", "0 lines"), (b"onset,duration\n1,2\n", "column onset is missing"), (b"\xff\xfe\x00", "not UTF-8")],
)
def test_what_is_no_table_is_refused(content: bytes, told: str) -> None:
    with pytest.raises(Refused, match=told):
        read_tsv(content, None, UTC)


def test_annotations_of_edf_plus_give_seizures_with_duration_or_with_an_end() -> None:
    content = edf([
        tal("+100.5", "Seizure", "40"),
        tal("+300", "eyes closed"),
        tal("+1200", "Seizure onset") + tal("+1260", "Seizure end"),
        tal("+1500", "sz"),
    ])  # fmt: skip
    assert is_edf(content)
    found = read_edf(content, None, UTC)
    assert seconds(found.seizures) == [
        (1, 100.5, 40.0, "Seizure"),
        (3, 1200.0, 60.0, "Seizure onset"),
        (5, 1500.0, 0.0, "sz"),
    ]
    assert (found.passed_over, found.faults) == (1, [])


def test_an_end_without_a_beginning_is_named() -> None:
    found = read_edf(edf([tal("+10", "Seizure end")]), None, UTC)
    assert found.faults == ["annotation 1: it ends a seizure of which no beginning is told."]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (edf([])[:300], "cut off"),
        (edf([]).replace(b"EDF Annotations", b"EEG Fp2        "), "no annotations"),
        (edf([tal("+1", "sz")], date="99.99.26"), "no date and time"),
        (b"MThd", "neither a table nor EDF"),
    ],
)
def test_what_is_no_edf_plus_is_refused(content: bytes, told: str) -> None:
    with pytest.raises(Refused, match=told):
        read_edf(content, None, UTC)


@given(st.binary(max_size=400))
def test_no_bytes_whatever_raise_anything_but_a_refusal(noise: bytes) -> None:
    for content in (noise, edf([])[:256] + noise, edf([noise[:100].replace(b"\x00", b"")])):
        for read in (read_tsv, read_edf):
            try:
                read(content, None, UTC)
            except Refused as refusal:
                assert len(refusal.sentence) < 500
