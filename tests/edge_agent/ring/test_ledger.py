"""Every missing frame is in exactly one gap with its cause, whatever happens to the frames."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.ring.ledger import Ledger, Moment
from shared.clock import NS_PER_MS, NS_PER_S
from shared.frame import Stream
from shared.gap import Gap, GapCause
from tests.fakes.clock import BOOT, START_MONO_NS, START_UTC_NS

PERIOD_NS = NS_PER_S // 30
GOOD, SKIPPED, LAPPED, FULL, PAUSED = "good", "skipped", "lapped", "full", "paused"
CAUSES = {
    SKIPPED: GapCause.source, LAPPED: GapCause.bus, FULL: GapCause.disk, PAUSED: GapCause.privacy_pause,
}  # fmt: skip


def moment(index: float, jitter_ns: int = 0) -> Moment:
    ns = round(index * PERIOD_NS) + jitter_ns
    return Moment(START_MONO_NS + ns, START_UTC_NS + ns)


class Bed:
    """Feeds a ledger as the recorder does: arrivals with an index, in order."""

    def __init__(self) -> None:
        self.gaps: list[Gap] = []
        self.ledger = Ledger(BOOT, self.gaps.append)
        self.ledger.open_session({Stream.depth: PERIOD_NS}, moment(0))
        self.last: int | None = None

    def arrive(self, index: int, fate: str = GOOD, jitter_ns: int = 0) -> None:
        at = moment(index, jitter_ns)
        if self.last is not None:
            self.ledger.jumped(Stream.depth, {GapCause.source: index - self.last - 1}, at)
        self.last = index
        if fate == GOOD:
            self.ledger.good(Stream.depth, at)
        else:
            self.ledger.lost(Stream.depth, CAUSES[fate], at)

    def missing(self) -> Counter[GapCause]:
        found: Counter[GapCause] = Counter()
        for gap in self.gaps:
            found[gap.cause] += gap.missing_frames
        return found


runs = st.lists(
    st.tuples(st.sampled_from([GOOD, SKIPPED, LAPPED, FULL, PAUSED]), st.integers(1, 45)), min_size=1, max_size=12
)


@given(runs, st.integers(0, 1000))
def test_every_missing_frame_is_in_exactly_one_gap_with_its_cause(runs: list[tuple[str, int]], seed: int) -> None:
    jitter = Random(seed)
    fates = [GOOD, *(fate for fate, length in runs for _ in range(length)), GOOD]
    bed = Bed()
    for index, fate in enumerate(fates):
        bed.ledger.tick(moment(index - 0.4))
        if fate != SKIPPED:
            bed.arrive(index, fate, jitter.randint(-8, 8) * NS_PER_MS)
    bed.ledger.close(moment(len(fates)))
    lost = Counter(CAUSES[fate] for fate in fates if fate != GOOD)
    assert bed.missing() == lost
    ends = {(gap.cause, gap.end_mono_ns) for gap in bed.gaps}
    assert len(ends) == len({(gap.cause, gap.start_mono_ns) for gap in bed.gaps}) == len(bed.gaps)
    solid = sorted((gap for gap in bed.gaps if gap.share == 1.0), key=lambda gap: gap.start_mono_ns)
    for before, after in pairwise(solid):
        assert before.end_mono_ns <= after.start_mono_ns
    lost_ns = sum(gap.share * (gap.end_mono_ns - gap.start_mono_ns) for gap in bed.gaps)
    assert lost_ns == pytest.approx(sum(lost.values()) * PERIOD_NS, abs=9 * NS_PER_MS * (2 * len(runs) + 1))
    for index, fate in enumerate(fates):
        inside = [gap for gap in solid if gap.start_mono_ns <= moment(index).mono_ns < gap.end_mono_ns - 9 * NS_PER_MS]
        assert fate != GOOD or not inside


def test_a_camera_that_skips_each_third_frame_makes_a_record_in_ten_seconds() -> None:
    bed = Bed()
    for index in range(30 * 60 + 1):
        bed.ledger.tick(moment(index - 0.4))
        if index % 3 != 2:
            bed.arrive(index)
    bed.ledger.close(moment(30 * 60))
    assert len(bed.gaps) <= 8
    assert bed.missing() == {GapCause.source: 600}
    first, *scattered = bed.gaps
    assert (first.share, first.missing_frames) == (1.0, 1)
    for gap in scattered:
        assert gap.share == pytest.approx(1 / 3, abs=0.02)
        assert gap.missing_frames == pytest.approx(gap.share * (gap.end_mono_ns - gap.start_mono_ns) / PERIOD_NS, abs=1)


def test_losses_of_two_causes_in_turn_are_two_records_in_ten_seconds() -> None:
    bed = Bed()
    for index in range(600):
        bed.arrive(index, (GOOD, LAPPED, GOOD, FULL)[index % 4])
    bed.ledger.close(moment(600))
    assert bed.missing() == {GapCause.bus: 150, GapCause.disk: 150}
    assert len(bed.gaps) <= 8


def test_a_recording_without_losses_has_no_gaps() -> None:
    bed = Bed()
    for index in range(1000):
        bed.ledger.tick(moment(index))
        bed.arrive(index, jitter_ns=(index % 5) * NS_PER_MS)
    bed.ledger.close(moment(1000))
    assert bed.gaps == []


def test_a_gap_runs_from_the_first_missing_frame_to_the_next_good_one() -> None:
    bed = Bed()
    bed.arrive(0)
    bed.arrive(5)
    (gap,) = bed.gaps
    assert (gap.start_mono_ns, gap.end_mono_ns) == (moment(1).mono_ns, moment(5).mono_ns)
    assert (gap.start_utc_ns, gap.end_utc_ns) == (moment(1).utc_ns, moment(5).utc_ns)
    assert (gap.stream, gap.boot_id, gap.missing_frames) == (Stream.depth, BOOT, 4)


def test_silence_is_the_sources_loss_and_is_told_in_instalments_while_it_lasts() -> None:
    bed = Bed()
    bed.arrive(0)
    for second in range(1, 36):
        bed.ledger.tick(moment(30 * second))
    assert {gap.cause for gap in bed.gaps} == {GapCause.source}
    assert len(bed.gaps) == 3
    bed.ledger.close(moment(30 * 36))
    assert bed.missing()[GapCause.source] == pytest.approx(30 * 36 - 1, abs=2)


def test_the_sources_counter_corrects_what_silence_had_estimated() -> None:
    bed = Bed()
    bed.arrive(0)
    for second in range(1, 13):
        bed.ledger.tick(moment(30 * second))
    bed.arrive(400)
    assert bed.missing()[GapCause.source] == 399


def test_a_slow_camera_that_lost_nothing_has_no_gap() -> None:
    bed = Bed()
    bed.arrive(0)
    bed.ledger.tick(moment(60))
    bed.ledger.jumped(Stream.depth, {GapCause.source: 0}, moment(75))
    bed.ledger.good(Stream.depth, moment(75))
    assert bed.gaps == []


def test_a_loss_on_the_bus_and_one_at_the_source_in_one_jump_are_two_gaps_in_a_row() -> None:
    bed = Bed()
    bed.arrive(0)
    bed.ledger.jumped(Stream.depth, {GapCause.bus: 3, GapCause.source: 4}, moment(8))
    bed.ledger.good(Stream.depth, moment(8))
    assert bed.missing() == {GapCause.bus: 3, GapCause.source: 4}
    assert bed.gaps[0].end_mono_ns == bed.gaps[1].start_mono_ns


def test_a_restart_lasts_until_the_recorder_was_back_and_then_the_source_is_to_blame() -> None:
    gaps: list[Gap] = []
    ledger = Ledger(BOOT, gaps.append)
    ledger.take_up(Stream.ir, GapCause.restart, moment(0), moment(60))
    ledger.open_session({Stream.ir: PERIOD_NS}, moment(60))
    for index in range(60, 200):
        ledger.tick(moment(index))
    ledger.good(Stream.ir, moment(200))
    assert [gap.cause for gap in gaps] == [GapCause.restart, GapCause.source]
    assert gaps[0].start_mono_ns == moment(0).mono_ns
    assert gaps[0].end_mono_ns == gaps[1].start_mono_ns == moment(61).mono_ns
    assert gaps[1].end_mono_ns == moment(200).mono_ns


def test_another_boot_is_a_power_gap_that_is_counted_by_wall_time() -> None:
    gaps: list[Gap] = []
    ledger = Ledger(BOOT, gaps.append)
    ledger.take_up(
        Stream.depth, GapCause.power, Moment(0, START_UTC_NS), Moment(20 * NS_PER_S, START_UTC_NS + 100 * NS_PER_S)
    )
    ledger.open_session({Stream.depth: PERIOD_NS}, Moment(20 * NS_PER_S, START_UTC_NS + 100 * NS_PER_S))
    ledger.good(Stream.depth, Moment(20 * NS_PER_S, START_UTC_NS + 100 * NS_PER_S))
    (gap,) = gaps
    assert (gap.cause, gap.start_mono_ns, gap.end_mono_ns) == (GapCause.power, 0, 20 * NS_PER_S)
    assert gap.missing_frames == 3000


def test_a_wall_clock_that_jumps_back_cannot_make_a_gap_negative() -> None:
    gaps: list[Gap] = []
    ledger = Ledger(BOOT, gaps.append)
    ledger.take_up(Stream.depth, GapCause.power, Moment(0, START_UTC_NS), Moment(NS_PER_S, 5))
    ledger.open_session({Stream.depth: PERIOD_NS}, Moment(NS_PER_S, 5))
    ledger.good(Stream.depth, Moment(NS_PER_S, 5))
    assert gaps[0].missing_frames == 30


def test_a_pause_stays_a_pause_while_no_frames_come() -> None:
    bed = Bed()
    bed.arrive(0)
    bed.arrive(1, PAUSED)
    for second in range(1, 12):
        bed.ledger.tick(moment(30 * second))
    bed.ledger.close(moment(360))
    assert {gap.cause for gap in bed.gaps} == {GapCause.privacy_pause}


def test_a_stream_that_the_camera_no_longer_has_is_accounted_for_and_closed() -> None:
    gaps: list[Gap] = []
    ledger = Ledger(BOOT, gaps.append)
    ledger.take_up(Stream.colour, GapCause.restart, moment(0), moment(30))
    ledger.open_session({Stream.depth: PERIOD_NS}, moment(30))
    ledger.tick(moment(3000))
    assert [gap.cause for gap in gaps if gap.stream is Stream.colour] == [GapCause.restart]


def test_what_passed_before_a_camera_was_opened_again_is_the_sources_loss() -> None:
    bed = Bed()
    bed.arrive(0)
    bed.ledger.open_session({Stream.depth: PERIOD_NS}, moment(15))
    bed.ledger.good(Stream.depth, moment(20))
    (gap,) = bed.gaps
    assert (gap.cause, gap.start_mono_ns, gap.missing_frames) == (GapCause.source, moment(1).mono_ns, 19)


def test_colour_is_missing_when_its_own_rate_says_so() -> None:
    gaps: list[Gap] = []
    ledger = Ledger(BOOT, gaps.append)
    ledger.open_session({Stream.colour: 3 * PERIOD_NS}, moment(0))
    for index in (0, 3, 6.4, 9, 18, 21):
        ledger.late(Stream.colour, moment(index))
        ledger.good(Stream.colour, moment(index))
    (gap,) = gaps
    assert (gap.missing_frames, gap.start_mono_ns) == (2, moment(12).mono_ns)
