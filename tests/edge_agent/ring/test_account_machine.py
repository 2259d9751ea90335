"""Whatever happens to a bed, in whatever order: what was recorded and what the ledger says is missing are together everything."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from pathlib import Path
from unittest import mock

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from edge_agent.ring.catalogue import SegmentRow, all_segments
from edge_agent.ring.coverage import accounts_between
from shared.clock import NS_PER_S
from shared.frame import Stream
from shared.gap import Gap
from shared.lane import COLOUR_APART, TOGETHER
from shared.segment import SegmentReader
from tests.edge_agent.ring.recording_bed import RESERVE_BYTES, RecordingBed, desired
from tests.fakes.clock import START_MONO_NS, FakeClock
from tests.fakes.frame_source import PERIOD_NS

BOOTS = [f"aaaaaaaa-0000-4000-8000-{k + 10:012d}" for k in range(100)]
counts = st.integers(1, 25)
FAIL = {"fdatasync": errno.EIO, "writev": errno.ENOSPC, "fsync": errno.EIO}


class AccountMachine(RuleBasedStateMachine):
    """Frames arrive at 30 a second of the hand clock under the index of that time, unless a rule loses them on the way."""

    colour_apart = False

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.clock = FakeClock()
        self.boot = 0
        self.index = 0
        self.paused = False
        self.bed: RecordingBed | None = None

    @initialize()
    def begin(self) -> None:
        self._start()
        self._play(3)

    def _start(self) -> None:
        lanes = COLOUR_APART if self.colour_apart else TOGETHER
        self.bed = RecordingBed(self.folder, self.clock, colour=self.colour_apart, lanes=lanes)
        if self.paused:
            self.bed.recorder.obey(desired(1, paused=True))

    @property
    def running(self) -> RecordingBed:
        assert self.bed is not None
        return self.bed

    def _play(self, count: int, *, lapped: set[int] | None = None, unheard: set[int] | None = None) -> None:
        """Frames at the nominal times after the clock's now, whatever their own index says."""
        self.index = max(self.index, (self.clock.monotonic_ns() - START_MONO_NS) // PERIOD_NS + 1)
        span = range(self.index, self.index + count)
        here = {self.index + k for k in lapped or ()}
        silent = {self.index + k for k in unheard or ()}
        self.running.play(span, lapped=here, unheard=silent)
        self.index += count

    @rule(count=counts)
    def frames_arrive(self, count: int) -> None:
        self._play(count)

    @rule(count=counts, lost=st.sets(st.integers(0, 24)))
    def some_are_overwritten(self, count: int, lost: set[int]) -> None:
        self._play(count, lapped={k for k in lost if k < count - 1})

    @rule(count=counts, lost=st.sets(st.integers(0, 24)))
    def some_handles_never_come(self, count: int, lost: set[int]) -> None:
        self._play(count, unheard={k for k in lost if k < count - 1})

    @rule(count=counts)
    def the_source_skips(self, count: int) -> None:
        self.clock.advance_ns(count * PERIOD_NS)
        self._play(2)

    @rule(seconds=st.integers(1, 25))
    def nothing_comes(self, seconds: int) -> None:
        self.running.wait(seconds)
        self._play(2)

    @rule(times=st.integers(1, 4))
    def each_third_is_skipped(self, times: int) -> None:
        for _ in range(30 * times):
            self.clock.advance_ns(PERIOD_NS)
            self._play(2)

    @rule()
    def the_nurse_pauses_or_resumes(self) -> None:
        self.paused = not self.paused
        self.running.recorder.obey(desired(2, paused=self.paused))
        self._play(5)

    @rule()
    def an_event_closes(self) -> None:
        self.running.recorder.close_segment()

    @rule(call=st.sampled_from(sorted(FAIL)), count=st.integers(20, 60))
    def the_disk_fails_once(self, call: str, count: int) -> None:
        real, left = getattr(os, call), iter([True])

        def fail(*given: object) -> object:
            if next(left, False):
                raise OSError(FAIL[call], os.strerror(FAIL[call]))
            return real(*given)

        with mock.patch.object(os, call, fail):
            self._play(count)
            if call == "fsync":
                self.running.recorder.close_segment()
        self.running.wait(2)

    @rule(count=counts)
    def the_disk_is_full_for_a_while(self, count: int) -> None:
        self.running.free_bytes = RESERVE_BYTES // 8
        self._play(20 + count)
        self.running.free_bytes = 1 << 40
        self._play(30)

    @rule(seconds=st.floats(0.1, 40))
    def the_recorder_starts_again(self, seconds: float) -> None:
        self.running.stop()
        self.clock.advance(seconds)
        self._start()
        self._play(3)

    @rule(seconds=st.floats(0.1, 40))
    def the_recorder_is_killed(self, seconds: float) -> None:
        self.running.crash()
        self.clock.advance(seconds)
        self._start()
        self._play(3)

    @rule(seconds=st.integers(1, 3600))
    def the_power_fails(self, seconds: int) -> None:
        self.running.crash()
        self.boot += 1
        utc_ns = self.clock.utc_ns() + seconds * NS_PER_S
        self.clock = FakeClock(BOOTS[self.boot], START_MONO_NS, utc_ns)
        self.index = 0
        self._start()
        self._play(3)

    @rule(seconds=st.integers(-4000, 4000))
    def the_wall_clock_is_set(self, seconds: int) -> None:
        self.clock.jump_utc(seconds)
        self._play(2)

    def teardown(self) -> None:
        if self.bed is None:
            return
        try:
            self.bed.stop()
            self._check()
        finally:
            shutil.rmtree(self.folder)

    def _check(self) -> None:
        connection = RecordingBed(self.folder, self.clock).connection
        try:
            assert self.running.faults() == []
            rows = all_segments(connection)
            gaps = [
                Gap.model_validate({name: row[name] for name in Gap.model_fields})
                for row in connection.execute("SELECT * FROM gaps")
            ]
            for boot_id in {row.boot_id for row in rows}:
                own = [row for row in rows if row.boot_id == boot_id]
                begun_ns = min(row.start_mono_ns for row in own)
                for stream in accounts_between(connection, boot_id, (begun_ns, 1 << 62)):
                    told = [gap.end_mono_ns for gap in gaps if gap.boot_id == boot_id and gap.stream is stream]
                    # What a power cut took of a stream after its last word is the next boot's gap of cause power.
                    last_ns = max([row.end_mono_ns for row in own if row.frames.get(stream)] + told)
                    account = accounts_between(connection, boot_id, (begun_ns, last_ns))[stream]
                    holes = len(own) + len(told)
                    period_ns = 3 * PERIOD_NS if stream is Stream.colour else PERIOD_NS
                    assert account.unaccounted_ns <= period_ns * holes, (stream, account)
            self._check_indices(rows, gaps)
        finally:
            connection.close()

    def _check_indices(self, rows: list[SegmentRow], gaps: list[Gap]) -> None:
        """Within a segment each index was recorded or is in a gap; a frame is recorded once."""
        seen: set[tuple[str, int]] = set()
        for row in rows:
            with SegmentReader(row.path(self.folder)) as reader:
                images = list(reader.frames([Stream.depth]))
            for image in images:
                assert (row.boot_id, image.index) not in seen
                seen.add((row.boot_id, image.index))
            if not images:
                continue
            jumps = images[-1].index - images[0].index + 1 - len(images)
            first_ns, last_ns = images[0].mono_ns, images[-1].mono_ns
            own = [gap for gap in gaps if gap.stream is Stream.depth and gap.boot_id == row.boot_id]
            within = sum(
                gap.missing_frames for gap in own if gap.start_mono_ns >= first_ns and gap.end_mono_ns <= last_ns
            )
            touching = [gap for gap in own if gap.start_mono_ns < last_ns and gap.end_mono_ns > first_ns]
            # A scattered gap may begin before a segment's first frame: only then the two sums differ.
            assert within <= jumps <= sum(gap.missing_frames for gap in touching), (row, touching)


class ColourApartMachine(AccountMachine):
    """The same with a camera that gives colour, which lies in files of its own."""

    colour_apart = True


AccountMachine.TestCase.settings = settings(
    max_examples=8, stateful_step_count=8, deadline=None, suppress_health_check=list(HealthCheck)
)
ColourApartMachine.TestCase.settings = settings(AccountMachine.TestCase.settings, max_examples=4)
TestAccount = AccountMachine.TestCase
TestAccountWithColourApart = ColourApartMachine.TestCase
