"""Runs of small gaps become one scattered gap that says the same in total; a long list is condensed without losing a frame."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.ring.gap_bundles import GapBundles, condensed
from shared.clock import NS_PER_MS, NS_PER_S
from shared.frame import Stream
from shared.gap import Gap, GapCause
from tests.fakes.clock import BOOT

PERIOD_NS = NS_PER_S // 30


def gap(start_s: float, frames: int = 1, cause: GapCause = GapCause.source, stream: Stream = Stream.depth) -> Gap:
    start_ns = round(start_s * NS_PER_S)
    end_ns = start_ns + frames * PERIOD_NS
    return Gap(
        stream=stream, cause=cause, boot_id=BOOT, start_mono_ns=start_ns, end_mono_ns=end_ns, start_utc_ns=start_ns,
        end_utc_ns=end_ns, missing_frames=frames,
    )  # fmt: skip


def test_a_gap_that_stands_alone_is_told_at_once() -> None:
    told: list[Gap] = []
    bundles = GapBundles(told.append)
    for start_s in (0, 2, 4):
        bundles.add(gap(start_s))
        assert told[-1] == gap(start_s)


def test_a_neighbour_waits_until_it_has_no_more_neighbours() -> None:
    told: list[Gap] = []
    bundles = GapBundles(told.append)
    for start_s in (0, 0.1, 0.2, 0.3):
        bundles.add(gap(start_s))
    assert told == [gap(0)]
    bundles.tick(round(0.5 * NS_PER_S))
    assert len(told) == 1
    bundles.tick(2 * NS_PER_S)
    assert [each.missing_frames for each in told] == [1, 3]
    assert told[1].start_mono_ns == 100 * NS_PER_MS


def test_a_long_gap_is_told_at_once_after_what_waited() -> None:
    told: list[Gap] = []
    bundles = GapBundles(told.append)
    bundles.add(gap(0))
    bundles.add(gap(0.5))
    bundles.add(gap(1, frames=90))
    assert [each.missing_frames for each in told] == [1, 1, 90]


def test_what_waits_is_told_when_the_segment_is_sealed() -> None:
    told: list[Gap] = []
    bundles = GapBundles(told.append)
    bundles.add(gap(0))
    bundles.add(gap(0.5))
    bundles.flush()
    bundles.flush()
    assert len(told) == 2


many = st.lists(
    st.tuples(
        st.integers(0, 400), st.integers(1, 40), st.sampled_from([GapCause.source, GapCause.bus]),
        st.sampled_from([Stream.depth, Stream.ir]),
    ),
    max_size=60,
)  # fmt: skip


def in_order(runs: list[tuple[int, int, GapCause, Stream]]) -> list[Gap]:
    at, found = 0, []
    for pause, frames, cause, stream in runs:
        found.append(gap((at + pause) / 30, frames, cause, stream))
        at += pause + frames + 1
    return found


def lost_ns(gaps: list[Gap]) -> dict[tuple[Stream, GapCause], int]:
    found: dict[tuple[Stream, GapCause], int] = {}
    for each in gaps:
        key = (each.stream, each.cause)
        found[key] = found.get(key, 0) + round(each.share * (each.end_mono_ns - each.start_mono_ns))
    return {key: round(ns, -3) for key, ns in found.items()}


def frames_of(gaps: list[Gap]) -> dict[tuple[Stream, GapCause], int]:
    found: dict[tuple[Stream, GapCause], int] = {}
    for each in gaps:
        found[each.stream, each.cause] = found.get((each.stream, each.cause), 0) + each.missing_frames
    return found


@given(many)
def test_bundles_hold_every_missing_frame_and_the_time_that_it_stands_for(
    runs: list[tuple[int, int, GapCause, Stream]],
) -> None:
    gaps = in_order(runs)
    told: list[Gap] = []
    bundles = GapBundles(told.append)
    for each in gaps:
        bundles.tick(each.start_mono_ns)
        bundles.add(each)
    bundles.flush()
    assert frames_of(told) == frames_of(gaps)
    assert all(abs(lost_ns(told)[key] - ns) <= 2000 for key, ns in lost_ns(gaps).items())
    assert len({(each.stream, each.cause, each.start_mono_ns) for each in told}) == len(told)
    assert all(each.end_mono_ns - each.start_mono_ns <= 12 * NS_PER_S for each in told)


@given(many, st.integers(4, 30))
def test_a_condensed_list_is_short_and_says_the_same(runs: list[tuple[int, int, GapCause, Stream]], most: int) -> None:
    gaps = in_order(runs)
    short = condensed(gaps, most)
    assert len(short) <= most
    assert short == gaps or len(gaps) > most
    assert frames_of(short) == frames_of(gaps)
    assert all(abs(lost_ns(short)[key] - ns) <= 2000 for key, ns in lost_ns(gaps).items())
    assert [each.start_mono_ns for each in short] == sorted(each.start_mono_ns for each in short)
