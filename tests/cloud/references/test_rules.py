"""The overlap rule, checked against the reference implementation of SzCORE, and the span that is worth pulling."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from cloud.references.rules import Match, in_ring, kept_name, match_of, on_unit_clock, span_to_pull
from cloud.references.seizure import EegSeizure, ReadFile
from shared.clock import NS_PER_S
from shared.errors import Refused

SEIZURE = (1_000 * NS_PER_S, 1_060 * NS_PER_S)
STAY = (500 * NS_PER_S, 9_000 * NS_PER_S)


@dataclass(frozen=True)
class Event:
    start_utc_ns: int
    end_utc_ns: int
    cause: str = "detector"


def event(start_s: float, end_s: float, cause: str = "detector") -> Event:
    return Event(round(start_s * NS_PER_S), round(end_s * NS_PER_S), cause)


@pytest.mark.parametrize(
    ("start_s", "end_s", "match"),
    [
        (940, 970, Match.missed),
        (940, 970.1, Match.caught),
        (1_030, 1_031, Match.caught),
        (1_119.9, 1_130, Match.caught),
        (1_120, 1_130, Match.missed),
        (100, 9_000, Match.caught),
    ],
)
def test_an_event_counts_when_it_touches_the_widened_seizure(start_s: float, end_s: float, match: Match) -> None:
    assert match_of(SEIZURE, [event(start_s, end_s)])[0] is match


def test_the_rule_agrees_with_the_reference_library() -> None:
    from timescoring.annotations import Annotation
    from timescoring.scoring import EventScoring

    parameters = EventScoring.Parameters(
        toleranceStart=30, toleranceEnd=60, minOverlap=0, maxEventDuration=10_000, minDurationBetweenEvents=0
    )
    for start_s in range(900, 1_200, 7):
        truth = Annotation([(1_000, 1_060)], 10, 20_000)
        told = Annotation([(start_s, start_s + 5)], 10, 20_000)
        caught = EventScoring(truth, told, parameters).tp == 1
        assert (match_of(SEIZURE, [event(start_s, start_s + 5)])[0] is Match.caught) == caught, start_s


def test_an_event_by_hand_does_not_make_the_detector_catch_it() -> None:
    pulled, found = event(940, 1_120, "pull"), event(1_050, 1_060)
    assert match_of(SEIZURE, [pulled]) == (Match.by_hand, pulled)
    assert match_of(SEIZURE, [pulled, found]) == (Match.caught, found)


def test_a_pull_reaches_a_minute_around_the_seizure_within_the_stay_and_an_hour() -> None:
    assert span_to_pull(SEIZURE, STAY) == (940 * NS_PER_S, 1_120 * NS_PER_S)
    assert span_to_pull(SEIZURE, (990 * NS_PER_S, 1_070 * NS_PER_S)) == (990 * NS_PER_S, 1_070 * NS_PER_S)
    assert span_to_pull((1_000 * NS_PER_S, 8_000 * NS_PER_S), STAY) == (940 * NS_PER_S, 4_540 * NS_PER_S)
    assert span_to_pull((9_500 * NS_PER_S, 9_501 * NS_PER_S), STAY) is None


def test_the_clock_offset_is_taken_off_and_what_lies_outside_the_stay_is_refused_by_line() -> None:
    read = ReadFile([EegSeizure(2, 1_010 * NS_PER_S, 60 * NS_PER_S, "sz")])
    moved = on_unit_clock(read, 10 * NS_PER_S, STAY)
    assert [(each.start_utc_ns, each.end_utc_ns) for each in moved] == [SEIZURE]
    with pytest.raises(Refused, match=r"line 2: .* outside the stay\. Nothing was imported\."):
        on_unit_clock(read, 600 * NS_PER_S, STAY)


def test_a_ring_that_told_nothing_is_not_judged() -> None:
    assert in_ring(0, None, 10) is None
    assert in_ring(0, 1.0, 3600 * NS_PER_S) is True
    assert in_ring(0, 1.0, 3601 * NS_PER_S) is False


@pytest.mark.parametrize("name", ["night.tsv", "bed-3.edf", "before admission.TSV", "seizures_2.tsv"])
def test_a_files_own_name_is_kept(name: str) -> None:
    assert kept_name(name, "0123456789ab") == name


@pytest.mark.parametrize(
    "name",
    [
        "Kowalska_Anna.tsv",
        "night of Anna.tsv",
        "eeg_1970-01-02.tsv",
        "EEG-28.05.2026.tsv",
        "patient_471188.tsv",
        "a@b.pt.tsv",
    ],
)
def test_a_name_that_could_be_a_persons_or_a_days_is_not(name: str) -> None:
    assert kept_name(name, "0123456789ab") == "eeg-01234567.tsv"
