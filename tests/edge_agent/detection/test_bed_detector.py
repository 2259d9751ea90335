"""The bed's detector from previews to kept events: open, update, close, restarts, gaps, pauses, broken disks and networks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.database import open_database
from edge_agent.detection.bed_detector import BedDetector
from edge_agent.detection.score_log import ScoreLog, scores_between
from edge_agent.outbox.store import Outbox
from shared.clock import NS_PER_S
from shared.errors import Refused, Transient
from shared.event import EventPhase, EventReport
from shared.ids import uuid7
from shared.preview import PREVIEW_HEIGHT, PREVIEW_WIDTH, Preview
from shared.score import Score
from shared.segment import SegmentWriter
from tests.edge_agent.detection.networks import make_card
from tests.edge_agent.hand_clock import BOOT, UTC_NS, HandClock
from tests.edge_agent.ring_files import add_segment, header_of, make_folder

Floats = npt.NDArray[np.float32]
OTHER_BOOT = "99999999-2222-4333-8444-555555555555"


class Network:
    """One step: the score is the brightness of the ir picture; `fault` makes it raise or give NaN."""

    def __init__(self) -> None:
        self.fault = ""

    def __call__(self, feeds: dict[str, Floats]) -> Mapping[str, Floats]:
        if self.fault == "raises":
            raise Transient("The network failed.")
        value = np.float32("nan") if self.fault == "nan" else (feeds["features"][0, 12].mean() + 2) / 4
        return {
            "score": np.array([value], np.float32),
            "motor_types": np.array([[0.1, 0.9]], np.float32),
            "next_state": feeds["state"] + 1,
        }


class Bed:
    """A folder, a clock and a detector that can be ended and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = make_folder(folder)
        self.clock = HandClock()
        self.network = Network()
        self.reports: list[EventReport] = []
        self.scores: list[Score] = []
        self.troubles: list[str] = []
        self.boot()

    def boot(self, boot_id: str = BOOT, stay_id: UUID | None = None) -> None:
        self.clock = HandClock(boot_id, self.clock.now_ns / NS_PER_S)
        self.connection = open_database(self.folder)
        outbox = Outbox(self.connection, "north", "bed-4")
        card = make_card("brightness", b"")
        self.detector = BedDetector(self.folder, self.connection, outbox, card, self.network, self.clock)
        self.detector.set_stay(stay_id, paused=False)
        self.reports += self.detector.recover().reports

    def die(self) -> None:
        """As kill -9 does: nothing is said or written."""
        self.connection.close()

    def see(self, seconds: float, brightness: int) -> None:
        for _ in range(round(seconds * 15)):
            self.push(self.picture(brightness))

    def picture(self, brightness: int) -> Preview:
        self.clock.advance(1 / 15)
        now_ns = self.clock.now_ns
        ir = np.full((PREVIEW_HEIGHT, PREVIEW_WIDTH), brightness, np.uint8)
        ir[:4] = now_ns % 251
        depth = np.full((PREVIEW_HEIGHT, PREVIEW_WIDTH), 100, np.uint8)
        depth[50:] = 90
        return Preview(0, now_ns, UTC_NS + now_ns, ir, depth)

    def push(self, preview: Preview) -> None:
        outcome = self.detector.push(preview)
        self.reports += outcome.reports
        self.scores += outcome.scores
        self.troubles += outcome.troubles

    @property
    def phases(self) -> list[str]:
        return [report.phase.value for report in self.reports]


QUIET, SEIZURE = 30, 220


@pytest.fixture
def bed(tmp_path: Path) -> Iterator[Bed]:
    made = Bed(tmp_path / "bed")
    yield made
    made.connection.close()


def test_a_seizure_is_told_as_opened_updated_and_closed_under_one_id(bed: Bed) -> None:
    bed.see(40, QUIET)
    onset_s = bed.clock.now_ns / NS_PER_S
    bed.see(25, SEIZURE)
    bed.see(10, QUIET)
    assert bed.phases == ["opened", "updated", "updated", "closed"]
    assert len({report.event_id for report in bed.reports}) == 1
    assert [report.revision for report in bed.reports] == [0, 1, 2, 3]
    last = bed.reports[-1]
    assert last.start_mono_ns / NS_PER_S == pytest.approx(onset_s, abs=1)
    assert last.start_mono_ns - last.clip_start_mono_ns == 30 * NS_PER_S
    assert last.end_utc_ns - last.start_utc_ns == last.end_mono_ns - last.start_mono_ns
    assert (last.motor_type, last.release) == ("tonic_clonic", "brightness")
    assert 0.75 < last.peak_score <= 1
    assert len(Outbox(bed.connection, "north", "bed-4").sequences_after(0)) == 4


def test_quiet_sleep_tells_nothing_and_scores_flow(bed: Bed) -> None:
    bed.see(30, QUIET)
    assert bed.reports == []
    assert len(bed.scores) == 90
    kept = scores_between(bed.connection, BOOT, bed.scores[0].mono_ns, bed.scores[10].mono_ns)
    assert [sample.value for sample in kept] == [score.value for score in bed.scores[:10]]


def test_an_event_goes_on_under_its_id_when_the_detector_is_killed_and_comes_back(bed: Bed) -> None:
    bed.see(40, QUIET)
    bed.see(6, SEIZURE)
    ring = [bed.picture(SEIZURE) for _ in range(15 * 6)]
    for preview in ring[:50]:
        bed.push(preview)
    add_segment(bed.folder, bed.connection, previews=ring)
    bed.die()
    bed.boot()
    for preview in bed.detector.catch_up():
        bed.push(preview)
    bed.see(12, SEIZURE)
    bed.see(12, QUIET)
    assert bed.phases[0] == "opened"
    assert bed.phases[-1] == "closed"
    assert bed.phases.count("opened") == bed.phases.count("closed") == 1
    assert len({report.event_id for report in bed.reports}) == 1


def test_an_event_left_open_by_an_earlier_boot_is_closed_with_what_was_known(bed: Bed) -> None:
    bed.see(40, QUIET)
    bed.see(15, SEIZURE)
    known = bed.reports[-1]
    bed.die()
    bed.boot(OTHER_BOOT)
    closed = bed.reports[-1]
    assert closed.phase is EventPhase.closed
    assert closed.boot_id == BOOT
    assert closed.model_copy(update={"phase": known.phase, "revision": known.revision}) == known


def test_an_event_whose_seizure_ended_while_the_detector_was_away_is_closed_at_the_next_start(bed: Bed) -> None:
    bed.see(40, QUIET)
    bed.see(15, SEIZURE)
    bed.die()
    bed.clock.advance(1000)
    bed.boot()
    assert bed.phases[-1] == "closed"


def test_an_event_that_was_scored_but_not_kept_when_the_power_went_is_opened_after_the_restart(bed: Bed) -> None:
    bed.see(40, QUIET)
    bed.see(12, SEIZURE)
    bed.connection.executescript("DELETE FROM messages; DELETE FROM clips; DELETE FROM pins; DELETE FROM events;")
    bed.reports.clear()
    bed.die()
    bed.boot()
    assert bed.phases == ["opened"]


def test_previews_that_the_bus_lost_are_read_from_sealed_and_open_segments(bed: Bed) -> None:
    bed.see(40, QUIET)
    lost = [bed.picture(SEIZURE) for _ in range(15 * 6)]
    add_segment(bed.folder, bed.connection, previews=lost[:60])
    writer = SegmentWriter(bed.folder / "open" / "5.part", header_of(5))
    for preview in lost[60:]:
        writer.add_preview(preview)
    after = bed.picture(SEIZURE)
    found = list(bed.detector.catch_up(after))
    assert [each.mono_ns for each in found] == [each.mono_ns for each in lost]
    for preview in (*found, after):
        bed.push(preview)
    assert bed.phases == ["opened"]
    assert bed.scores[-1].unseen_s == 0.0


def test_after_a_start_at_most_five_minutes_are_read_from_the_ring_and_nothing_is_scored_twice(bed: Bed) -> None:
    bed.see(10, QUIET)
    scored_ns = bed.scores[-1].mono_ns
    bed.detector.close()
    first = [bed.picture(QUIET) for _ in range(3)]
    add_segment(bed.folder, bed.connection, previews=first)
    bed.die()
    bed.boot()
    bed.scores.clear()
    for preview in bed.detector.catch_up():
        bed.push(preview)
    assert all(score.mono_ns > scored_ns for score in bed.scores)
    bed.clock.advance(400)
    assert list(bed.detector.catch_up()) == []


def test_a_damaged_segment_in_the_ring_costs_its_own_previews_only(bed: Bed) -> None:
    bed.see(2, QUIET)
    lost = [bed.picture(QUIET) for _ in range(30)]
    row = add_segment(bed.folder, bed.connection, previews=lost[:15])
    add_segment(bed.folder, bed.connection, previews=lost[15:])
    content = bytearray(row.path(bed.folder).read_bytes())
    content[len(content) // 2] ^= 1
    row.path(bed.folder).write_bytes(content)
    assert {each.mono_ns for each in bed.detector.catch_up(bed.picture(QUIET))} >= {p.mono_ns for p in lost[15:]}


@pytest.mark.parametrize("paused", [True, False])
def test_a_pause_or_another_stay_ends_the_event_under_the_stay_in_which_it_began(bed: Bed, paused: bool) -> None:
    stay = uuid7(UTC_NS)
    bed.detector.set_stay(stay, paused=False)
    bed.see(40, QUIET)
    bed.see(12, SEIZURE)
    bed.reports += bed.detector.set_stay(stay if paused else None, paused=paused).reports
    assert bed.phases[-1] == "closed"
    assert {report.stay_id for report in bed.reports} == {stay}


def test_an_event_left_open_ends_at_the_start_when_another_stay_began_meanwhile(bed: Bed) -> None:
    bed.see(40, QUIET)
    bed.see(12, SEIZURE)
    bed.die()
    bed.boot(stay_id=uuid7(UTC_NS))
    assert bed.phases[-1] == "closed"
    assert bed.reports[-1].stay_id is None


def test_an_event_that_a_new_stay_closed_is_not_told_twice_after_a_restart(bed: Bed) -> None:
    bed.see(40, QUIET)
    bed.see(7, SEIZURE)
    stay = uuid7(UTC_NS)
    bed.reports += bed.detector.set_stay(stay, paused=False).reports
    bed.die()
    bed.boot(stay_id=stay)
    assert bed.phases == ["opened", "closed"]
    bed.see(6, SEIZURE)
    bed.die()
    bed.boot(stay_id=stay)
    bed.see(1, SEIZURE)
    assert [phase for phase in bed.phases if phase != "updated"] == ["opened", "closed", "opened"]


def test_an_event_of_which_nothing_is_seen_any_more_is_closed(bed: Bed) -> None:
    bed.see(40, QUIET)
    bed.see(12, SEIZURE)
    bed.clock.advance(31)
    bed.reports += bed.detector.idle().reports
    assert bed.phases[-1] == "closed"


@pytest.mark.parametrize("fault", ["raises", "nan"])
def test_a_network_that_fails_costs_scores_and_not_the_detector(bed: Bed, fault: str) -> None:
    bed.see(5, QUIET)
    bed.network.fault = fault
    bed.see(2, SEIZURE)
    bed.network.fault = ""
    bed.see(5, QUIET)
    assert bed.scores[-1].value < 0.5
    assert bed.scores[-1].mono_ns > bed.clock.now_ns - NS_PER_S


def test_a_preview_of_the_wrong_shape_is_a_sentence(bed: Bed) -> None:
    good = bed.picture(QUIET)
    bed.push(Preview(0, good.mono_ns, good.utc_ns, good.ir[:50], good.depth))
    assert "must be uint8" in bed.troubles[0]


@pytest.mark.parametrize("ahead_ns", [5 * NS_PER_S, 2**63 - 1, 2**80, -(10**15)])
def test_a_preview_from_another_time_is_passed_over_and_those_after_it_are_scored(bed: Bed, ahead_ns: int) -> None:
    bed.see(40, QUIET)
    lost = bed.picture(QUIET)
    bed.push(Preview(0, lost.mono_ns + ahead_ns, lost.utc_ns, lost.ir, lost.depth))
    bed.see(12, SEIZURE)
    assert "the camera's time is wrong" in bed.troubles[0]
    assert bed.phases[0] == "opened"


images = st.one_of(
    st.sampled_from([0, 7, 254, 255]).map(lambda level: np.full((PREVIEW_HEIGHT, PREVIEW_WIDTH), level, np.uint8)),
    st.integers(0, 2**32 - 1).map(
        lambda seed: np.random.default_rng(seed).integers(0, 256, (PREVIEW_HEIGHT, PREVIEW_WIDTH), dtype=np.uint8)
    ),
    st.sampled_from(
        [
            np.zeros((0, 0), np.uint8),
            np.zeros((PREVIEW_WIDTH, PREVIEW_HEIGHT), np.uint8),
            np.full((PREVIEW_HEIGHT, PREVIEW_WIDTH), np.nan, np.float32),
            np.full((PREVIEW_HEIGHT, PREVIEW_WIDTH), 300, np.uint16),
            None,
        ]
    ),
)
steps_ns = st.sampled_from(
    [-NS_PER_S, 0, 1, NS_PER_S // 60, NS_PER_S // 15, NS_PER_S // 5, 3 * NS_PER_S, 60 * NS_PER_S]
)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(images, images, steps_ns), max_size=40))
def test_no_preview_whatever_ends_the_detector_and_scores_rise_in_time(
    tmp_path_factory: pytest.TempPathFactory, previews: list[tuple[Any, Any, int]]
) -> None:
    bed = Bed(tmp_path_factory.mktemp("bed"))
    with closing(bed.connection):
        now_ns = bed.clock.now_ns
        for ir, depth, step_ns in previews:
            now_ns += step_ns
            bed.clock.now_ns = max(bed.clock.now_ns, now_ns)
            bed.push(Preview(0, now_ns, UTC_NS + now_ns, ir, depth))
        bed.clock.now_ns += 10 * NS_PER_S
        bed.see(2, QUIET)
    times_ns = [score.mono_ns for score in bed.scores]
    assert times_ns == sorted(set(times_ns))
    assert bed.scores[-1].unseen_s > 0


def test_an_event_that_the_full_disk_does_not_take_is_kept_and_told_when_there_is_room(bed: Bed) -> None:
    bed.see(40, QUIET)
    pages = bed.connection.execute("PRAGMA page_count").fetchone()[0]
    bed.connection.execute(f"PRAGMA max_page_count = {pages}")
    while not bed.troubles:
        bed.see(4, SEIZURE)
        bed.see(11, QUIET)
    bed.connection.execute("PRAGMA max_page_count = 1000000")
    bed.reports += bed.detector.idle().reports
    bed.see(10, QUIET)
    assert "cannot be written now" in bed.troubles[0]
    kept = [row[0] for row in bed.connection.execute("SELECT event_id FROM events WHERE phase = 'closed' ORDER BY 1")]
    assert kept == [str(report.event_id) for report in bed.reports if report.phase is EventPhase.closed]
    assert len(kept) == bed.phases.count("opened") >= 1


def test_a_card_without_a_trigger_is_refused(bed: Bed) -> None:
    outbox = Outbox(bed.connection, "north", "bed-4")
    with pytest.raises(Refused, match="no trigger"):
        BedDetector(bed.folder, bed.connection, outbox, make_card("x", b"", trigger=None), bed.network, bed.clock)


def test_the_score_log_is_bounded(tmp_path: Path) -> None:
    with closing(open_database(tmp_path)) as connection:
        log = ScoreLog(connection, BOOT, kept=10)
        for second in range(40):
            log.add(Score(mono_ns=second * NS_PER_S, utc_ns=0, value=0.5, motor_types={}, release="x"))
            if log.due:
                assert log.flush()
        log.flush()
        kept = [row[0] // NS_PER_S for row in connection.execute("SELECT mono_ns FROM scores ORDER BY 1")]
        assert kept == list(range(30, 40))
